import {
  CACHE_CHECKS,
  Cache,
  type CacheContext,
  type CacheOptions,
  readFunctions,
  requireContext,
  requireSlabLimit,
} from "../heap/cache.ts";
import { requireAlignment } from "../kmalloc/kmalloc.ts";
import type { WaitOptions } from "../kmalloc/memory-wait.ts";
import type { CacheStats } from "../kmalloc/stats.ts";
import { anyValue, type Checks, readOptions } from "../memory/arguments.ts";
import { GRANULE } from "../memory/layout.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import type { BlockFunctions } from "../slab/block-functions.ts";
import { CacheFlag, CacheRecord } from "../slab/layout.ts";
import { DebugBlocks } from "./debug-blocks.ts";
import { DebugLetters } from "./debug-letters.ts";
import type { Debugging } from "./debugging.ts";
import { CONSTRUCTED } from "./layout.ts";

/** What a cache of a debugged heap holds. */
export interface DebugCacheOptions extends CacheOptions {
  /**
   * Letters of this cache alone, as in `DebugHeap.create`; after a "+" beside those that the heap has for it. Default:
   * those that the heap has.
   */
  readonly debug?: string | undefined;
}

const DEBUG_CACHE_CHECKS: Checks<DebugCacheOptions> = { ...CACHE_CHECKS, debug: anyValue };

/** What a cache of a debugged heap stands on. */
export interface DebugCacheContext extends CacheContext {
  readonly debugging: Debugging;
}

/** A cache whose objects have red zones and records around them. */
export class DebugCache extends Cache {
  /** Bytes of an object, without its red zones and its record. */
  override readonly sizeBytes: number;
  readonly #context: DebugCacheContext;
  readonly #kind: number;
  readonly #padBytes: number;

  private constructor(context: DebugCacheContext, kind: number) {
    super(context, kind);
    const { caches } = context.layers;
    this.#context = context;
    this.#kind = kind;
    this.#padBytes = DebugBlocks.padBytes(caches.get(kind, CacheRecord.ALIGN_BYTES));
    this.sizeBytes = caches.get(kind, CacheRecord.OBJECT_BYTES) - DebugBlocks.overheadBytes(this.#padBytes);
  }

  /**
   * As `Cache.create`; `heap.createCache` is the way in.
   *
   * @internal
   */
  static override create(context: DebugCacheContext, given: DebugCacheOptions): DebugCache {
    requireContext(context);
    const options = readOptions("options", given, DEBUG_CACHE_CHECKS);
    const { sizeBytes, alignmentBytes = GRANULE, construct, destruct, debug } = options;
    requireAlignment(alignmentBytes);
    const padBytes = DebugBlocks.padBytes(alignmentBytes);
    const functions = wrap(context, padBytes, { construct, destruct }, () => kind);
    const general = context.debugging.letters.of(options.name);
    const letters = debug === undefined ? general : lettersOf(debug, options.name, general);
    // A size that cannot be is refused below, whatever is added to it.
    const rawBytes =
      Number.isInteger(sizeBytes) && sizeBytes > 0 ? sizeBytes + DebugBlocks.overheadBytes(padBytes) : sizeBytes;
    const kind: number = Cache.make(context, { ...options, ...functions, sizeBytes: rawBytes, alignmentBytes });
    const isConstructed = construct !== undefined;
    context.debugging.root.setLetters(kind, letters | (isConstructed ? CONSTRUCTED : 0));
    return new DebugCache(context, kind);
  }

  /**
   * As `Cache.open`; `heap.openCache` is the way in.
   *
   * @internal
   */
  static override open(context: DebugCacheContext, name: string, given: BlockFunctions): DebugCache {
    requireContext(context);
    const functions = readFunctions(name, given);
    const { caches } = context.layers;
    const found = caches.find(name) ?? 0;
    const padBytes = caches.isUsed(found) ? DebugBlocks.padBytes(caches.get(found, CacheRecord.ALIGN_BYTES)) : 0;
    const areWanted = (context.debugging.root.letters(found) & CONSTRUCTED) !== 0;
    const hasDestructor = caches.isUsed(found) && caches.hasFlag(found, CacheFlag.HAS_DESTRUCTOR);
    const areGiven = functions.construct !== undefined || functions.destruct !== undefined;
    // As in a heap that is not debugged: slabs are made only by who names the functions of a cache that has some.
    const named = areGiven || !(areWanted || hasDestructor) ? wrap(context, padBytes, functions, () => found) : {};
    return new DebugCache(context, Cache.find(context, name, named));
  }

  /** Every cache of a debugged heap formats its blocks: this says whether there is more. */
  override get hasConstructor(): boolean {
    return (this.#context.debugging.root.letters(this.#kind) & CONSTRUCTED) !== 0;
  }

  /** As `Cache.alloc`; verifies the object's red zones and poison, and reports what has changed in them. */
  override alloc(): number {
    this.#failIfWished();
    return this.#activate(super.alloc(), DebugCache.prototype.alloc);
  }

  /** As `Cache.allocWait`, with what {@link alloc} does besides. */
  override allocWait(options: WaitOptions = {}): number {
    this.#failIfWished();
    return this.#activate(super.allocWait(options), DebugCache.prototype.allocWait);
  }

  /** As `Cache.tryAlloc`, with what {@link alloc} does besides; 0 too where a fault was wished for. */
  override tryAlloc(): number {
    if (this.#context.debugging.fails(this.#kind, this.sizeBytes)) return 0;
    return this.#activate(super.tryAlloc(), DebugCache.prototype.tryAlloc);
  }

  /**
   * As `Cache.free`; verifies the red zones, records who freed, poisons, and may put the object into the quarantine.
   */
  override free(address: number): void {
    if (address === 0) return;
    const { layers, debugging } = this.#context;
    const entryFunction = DebugCache.prototype.free;
    layers.memory.refresh();
    debugging.blocks.requireKind(address, this.#kind, this.name, entryFunction);
    debugging.quarantineFreed(debugging.blocks.deactivate(address, entryFunction), entryFunction);
  }

  /** As `Cache.stats`; objects in this thread's quarantine are free, those in others' count as live. */
  override stats(): CacheStats {
    const stats = super.stats();
    const held = this.#context.debugging.quarantine.countOf(this.#kind);
    return { ...stats, liveBlocks: stats.liveBlocks - held, freeBlocks: stats.freeBlocks + held };
  }

  /** As `Cache.shrink`, after the quarantine has been emptied. */
  override shrink(slabLimit: number = Number.POSITIVE_INFINITY): number {
    requireSlabLimit(slabLimit);
    this.#context.debugging.emptyQuarantine(DebugCache.prototype.shrink);
    return super.shrink(slabLimit);
  }

  #activate(block: number, entryFunction: unknown): number {
    if (block === 0) return 0;
    const { debugging, layers } = this.#context;
    const bytes = layers.caches.blockBytes(this.#kind);
    const asked = { sizeBytes: this.sizeBytes, padBytes: this.#padBytes, kind: this.#kind, entryFunction };
    const address = debugging.blocks.activate({ address: block, bytes }, asked);
    debugging.clearNew(this.#kind, address, address + this.sizeBytes);
    return address;
  }

  #failIfWished(): void {
    const { debugging, layers } = this.#context;
    if (debugging.fails(this.#kind, this.sizeBytes)) throw outOfMemory(layers.pages, this.sizeBytes);
  }
}

/** The letters of a cache that has some of its own: those alone, or after a "+" those beside the heap's. */
function lettersOf(debug: string, name: string, general: number): number {
  const isMore = typeof debug === "string" && debug.startsWith("+");
  return isMore ? general | DebugLetters.parse(debug.slice(1)).of(name) : DebugLetters.parse(debug).of(name);
}

/** The functions of the layers below: they format each block, and run the user's for its object. */
function wrap(
  { debugging, layers }: DebugCacheContext,
  padBytes: number,
  { construct, destruct }: BlockFunctions,
  kindOf: () => number,
): BlockFunctions {
  return {
    construct: (address) => {
      const kind = kindOf();
      debugging.blocks.format({ address, bytes: layers.caches.blockBytes(kind) }, kind, padBytes);
      construct?.(address + padBytes);
    },
    destruct: destruct === undefined ? undefined : (address) => destruct(address + padBytes),
  };
}
