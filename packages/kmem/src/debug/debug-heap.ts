import { extendHeap, type HeapExtension, layersOf, viewedLayers } from "../heap/access.ts";
import type { Attachment } from "../heap/attachment.ts";
import type { BlockCalls } from "../heap/block-calls.ts";
import { type ViewType, viewWithin } from "../heap/block-view.ts";
import type { HeapHandle } from "../heap/handle.ts";
import { loadAttachment } from "../heap/load-dump.ts";
import { freeMoved } from "../heap/move-block.ts";
import { createAttachment, openAttachment } from "../heap/open.ts";
import { ATTACH_CHECKS, type AttachOptions } from "../heap/options.ts";
import { Pages } from "../heap/pages.ts";
import { reapSlot } from "../heap/recovery.ts";
import { sinkFor } from "../heap/report-sink.ts";
import { type BlockInfo, liveBlocks } from "../kmalloc/describe.ts";
import { requireAlignment, requireSize } from "../kmalloc/kmalloc.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { WaitOptions } from "../kmalloc/memory-wait.ts";
import type { ReapOptions } from "../kmalloc/reap-options.ts";
import type { ReapReport } from "../kmalloc/reap-report.ts";
import { freeSlotObjects } from "../kmalloc/slot-objects.ts";
import { heapStats } from "../kmalloc/stats.ts";
import { readOptions } from "../memory/arguments.ts";
import { KmemError, OutOfMemoryError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import { ADDRESS_SPACE_BYTES, GRANULE, HeapFlag } from "../memory/layout.ts";
import type { MemorySource } from "../memory/memory.ts";
import { RunKind } from "../pages/layout.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import { repairRoot, rootFindings } from "../repair/debug-root.ts";
import type { BlockFunctions } from "../slab/block-functions.ts";
import { ownerOfAddress } from "../slab/ownership.ts";
import { MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { TraceRing } from "../trace/ring.ts";
import { describeDeadThreadBlock, isLiveOf, releaseDeadThreadBlocks } from "./abandoned.ts";
import { allocatedBlocks, checkDebugged, debuggedBlocks } from "./check.ts";
import { type Asked, DebugBlocks, rawBytesOf } from "./debug-blocks.ts";
import { DebugCache, type DebugCacheContext, type DebugCacheOptions } from "./debug-cache.ts";
import { DebugLetters } from "./debug-letters.ts";
import { Debugging } from "./debugging.ts";
import { type Located, objectAddress } from "./locate-object.ts";
import {
  DEBUG_HEAP_CHECKS,
  DEBUG_THREAD_CHECKS,
  type DebugHeapOptions,
  type DebugThreadOptions,
  withDefaults,
} from "./options.ts";
import { repairDebugged } from "./repair-blocks.ts";
import { DebugRoot } from "./root.ts";
import { TracedPages } from "./traced-pages.ts";
import { ringTracer } from "./tracer.ts";
import { TrackedHeap } from "./tracked-heap.ts";

/** What the thread has of each debugged heap. */
const debuggings = new WeakMap<Attachment, Debugging>();

/**
 * A heap that finds memory bugs, after Linux's SLUB debugging: each block has red zones around it, is poisoned while it
 * is free, and a record says who allocated and who freed it. What is found is reported, repaired as SLUB does, and the
 * work goes on. All else is as in {@link Heap}, which it can stand in for; `usableSize` and views end where the size
 * asked for does. Every thread opens such a heap with `DebugHeap.attach`.
 */
export class DebugHeap extends TrackedHeap {
  /** The calls of the layers below. */
  declare private below: BlockCalls;
  /** Runs of whole pages: they have neither red zones nor records. */
  override readonly pages: Pages;
  readonly #debugging: Debugging;
  readonly #attachment: Attachment;
  readonly #endRelease: () => void;

  private constructor(attachment: Attachment, options: DebugThreadOptions) {
    super(attachment);
    let debugging = debuggings.get(attachment);
    if (debugging === undefined) {
      const root = DebugRoot.find(attachment.layers);
      if (root === undefined) throw new KmemError("BAD_ARGUMENT", "the debugged heap has lost its root", {});
      const settings = withDefaults(
        options,
        heapStats(attachment.layers).bytes.totalBytes,
        sinkFor(attachment.layers).print,
      );
      debugging = new Debugging(attachment.layers, root, { ...settings, tracer: ringTracer(attachment.layers) });
      debuggings.set(attachment, debugging);
      attachment.kmalloc.shrinkers.addInternal(debugging.shrinker());
    }
    this.#debugging = debugging;
    this.#attachment = attachment;
    this.#endRelease = debugging.addRelease((address) => this.below.free(address));
    const { tracer } = debugging.options;
    const { kmalloc, waits } = attachment;
    const layers = (): Layers => this.current();
    extendHeap(this, this.#extension());
    this.pages = tracer === undefined ? new Pages(layers, kmalloc, waits) : new TracedPages(layers, attachment, tracer);
  }

  /** As `Heap.create`. Throws BAD_ARGUMENT too where `debug` is no text, OUT_OF_MEMORY without room for the root. */
  static override create(given: DebugHeapOptions = {}): DebugHeap {
    const options = readOptions("options", given, DEBUG_HEAP_CHECKS);
    const { debug: text = "" } = options;
    const { unknown } = DebugLetters.parse(text);
    const attachment = createAttachment(options, HeapFlag.DEBUGGED);
    if (Debugging.createRoot(attachment.layers, text) === undefined) throw outOfMemory(attachment.layers.pages, 0);
    const { traceEvents } = options;
    if (traceEvents !== undefined && TraceRing.create(attachment.layers, traceEvents) === undefined) {
      throw outOfMemory(attachment.layers.pages, 0);
    }
    const heap = new DebugHeap(attachment, options);
    const { print } = heap.#debugging.options;
    for (const letter of unknown) print(`slab_debug option '${letter}' unknown. skipped`);
    return heap;
  }

  /** As `Heap.attach`, with how this thread debugs. Throws BAD_ARGUMENT too for a heap that is not debugged. */
  static override attach(
    source: MemorySource | HeapHandle,
    options: DebugThreadOptions & AttachOptions = {},
  ): DebugHeap {
    const { start = 0, ...how } = readOptions("options", options, { ...DEBUG_THREAD_CHECKS, ...ATTACH_CHECKS });
    return new DebugHeap(openAttachment(source, start, HeapFlag.DEBUGGED), how);
  }

  /** As `loadDump`, with how this thread works on it. */
  static load(dump: Uint8Array, options: DebugThreadOptions = {}): DebugHeap {
    const how = readOptions("options", options, DEBUG_THREAD_CHECKS);
    return new DebugHeap(loadAttachment(dump, HeapFlag.DEBUGGED), how);
  }

  /** @internal */
  protected override get debugging(): Debugging {
    return this.#debugging;
  }

  /** @internal */
  protected override publish(below: BlockCalls): void {
    this.below = below;
    const alloc = (sizeBytes: number): number => this.#orThrow(this.#take(sizeBytes, alloc, below.alloc), sizeBytes);
    const tryAlloc = (sizeBytes: number): number => this.#take(sizeBytes, tryAlloc, below.tryAlloc);
    const free = (address: number): void => {
      if (address !== 0) this.#freeToQuarantine(address, free);
    };
    super.publish({ alloc, free, tryAlloc });
  }

  /** As `Heap.alignedAlloc`, with red zones and a record around the block. Throws the same errors. */
  override alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    requireAlignment(alignmentBytes);
    const take = (rawBytes: number): number => super.alignedAlloc(alignmentBytes, rawBytes);
    return this.#orThrow(this.#take(sizeBytes, DebugHeap.prototype.alignedAlloc, take, alignmentBytes), sizeBytes);
  }

  /** As `Heap.allocWait`, with red zones and a record around the block. Throws the same errors. */
  override allocWait(sizeBytes: number, options: WaitOptions = {}): number {
    const take = (rawBytes: number): number => super.allocWait(rawBytes, options);
    return this.#orThrow(this.#take(sizeBytes, DebugHeap.prototype.allocWait, take), sizeBytes);
  }

  /** As `Heap.allocAsync`, with red zones and a record around the block. Rejects with the same errors. */
  override async allocAsync(sizeBytes: number, options: WaitOptions = {}): Promise<number> {
    const entryFunction = DebugHeap.prototype.allocAsync;
    const asked = this.#ask(sizeBytes, entryFunction, GRANULE);
    if (asked === undefined) throw outOfMemory(layersOf(this).pages, sizeBytes);
    const block = await super.allocAsync(rawBytesOf(asked), options);
    // The heap may have been detached since: the block is there all the same.
    this.#attachment.layers.memory.refresh();
    return this.#activate(block, asked);
  }

  /** As `Heap.calloc`, with red zones and a record around the block. Throws the same errors. */
  override calloc(count: number, sizeBytes: number): number {
    requireSize(count);
    requireSize(sizeBytes);
    const totalBytes = count * sizeBytes;
    const take = this.below.alloc;
    const address = this.#orThrow(this.#take(totalBytes, DebugHeap.prototype.calloc, take), totalBytes);
    layersOf(this).memory.bytes.fill(0, address, address + totalBytes);
    return address;
  }

  /**
   * As `Heap.realloc`: verifies the old object, and moves the object, or gives its record the new size where it may
   * stay. Throws the same errors.
   */
  override realloc(address: number, sizeBytes: number): number {
    requireSize(sizeBytes);
    const entryFunction = DebugHeap.prototype.realloc;
    if (address === 0) return this.#orThrow(this.#take(sizeBytes, entryFunction, this.below.alloc), sizeBytes);
    const located = this.#requireObject(address, entryFunction);
    const { block, record } = located;
    // Before another block is taken for it: what is found may be thrown.
    this.#debugging.blocks.verify(located, entryFunction);
    const rawBytes = sizeBytes + DebugBlocks.overheadBytes(record.padBytes);
    const isSameClass = record.kind === this.#kindFor(sizeBytes);
    const fits = rawBytes <= block.bytes;
    // An object whose size class changes moves even if it fits; without memory, one that fits stays.
    const moved = fits && isSameClass ? 0 : this.#take(sizeBytes, entryFunction, this.below.alloc);
    if (moved === 0 && fits) {
      this.#debugging.blocks.resize(located, sizeBytes, entryFunction);
      this.#debugging.clearNew(record.kind, address + record.sizeBytes, address + sizeBytes);
      return address;
    }
    this.#orThrow(moved, sizeBytes);
    const { memory } = this.current();
    memory.bytes.copyWithin(moved, address, address + Math.min(record.sizeBytes, sizeBytes));
    return freeMoved({ free: (block) => this.#freeToQuarantine(block, entryFunction) }, address, moved);
  }

  /** The bytes that were asked for: what lies behind them is no part of the object. Throws INVALID_ADDRESS. */
  override usableSize(address: number): number {
    return this.#requireObject(address, DebugHeap.prototype.usableSize).record.sizeBytes;
  }

  /** The view of an object, within the bytes that were asked for. Throws INVALID_ADDRESS for bytes beyond them. */
  protected override viewAt<View>(type: ViewType<View>, address: number, length: number): View {
    const info = this.#objectAt(address);
    const isInside = info !== undefined && address >= info.address;
    return viewWithin(this.current(), isInside ? info : undefined, type, address, length);
  }

  /** As `Heap.createCache`, with letters of the cache's own where `debug` has some. */
  override createCache(options: DebugCacheOptions): DebugCache {
    return DebugCache.create(this.#debugCacheContext(), options);
  }

  /** As `Heap.openCache`, for a cache whose objects have red zones and records. Throws the same errors. */
  override openCache(name: string, functions: BlockFunctions = {}): DebugCache {
    return DebugCache.open(this.#debugCacheContext(), name, functions);
  }

  /**
   * Reports all that `checkHeap` finds around and in blocks, and repairs it, but for records: those wait until their
   * object is freed. Returns how many blocks were damaged.
   */
  validate(): number {
    this.current();
    const { blocks } = this.#debugging;
    let damaged = 0;
    for (const located of debuggedBlocks(layersOf(this), blocks)) {
      if (!blocks.validate(located, DebugHeap.prototype.validate)) damaged++;
    }
    return damaged;
  }

  /** Empties the quarantine, then gives back what is idle, as `Heap.trim`. Returns the pages that became free. */
  override trim(): number {
    this.current();
    this.#debugging.emptyQuarantine(DebugHeap.prototype.trim);
    return super.trim();
  }

  /** Empties this thread's quarantine, then gives the slot back, as `Heap.detach`. Throws what is found at its end. */
  override detach(): void {
    this.requireLeavable();
    const errors = new FirstError();
    errors.run(() => this.#debugging.surrenderQuarantine(DebugHeap.prototype.detach));
    errors.run(() => super.detach());
    this.#endRelease();
    errors.rethrow();
  }

  /** What the functions that look at heaps, repair them and recover from deaths find in this one besides. */
  #extension(): HeapExtension {
    const { blocks, root } = this.#debugging;
    const viewed = (): Layers => viewedLayers(this);
    const blockAt = (address: number): BlockInfo | undefined => this.#objectAt(address);
    return {
      findings: () => [...rootFindings(viewed()), ...checkDebugged(viewed(), blocks)],
      repairRoots: () => repairRoot(viewed(), root.frame),
      repairBlocks: () => repairDebugged(blocks, debuggedBlocks(viewed(), blocks)),
      blockAt,
      blocks: function* () {
        for (const { address } of liveBlocks(viewed())) {
          const info = blockAt(address);
          if (info?.live === true) yield info;
        }
      },
      blockAddress: (address) => this.#blockOf(address),
      cleanup: {
        release: (slot) => {
          const layers = layersOf(this);
          const returnedBlocks = releaseDeadThreadBlocks(layers, blocks, allocatedBlocks(layers, blocks), slot);
          return { returnedBlocks, freed: [] };
        },
        describe: (block) => {
          const located = blocks.locate(block.address);
          return located === undefined ? block : describeDeadThreadBlock(blocks, located, block);
        },
      },
      reap: (_slot, options, recover) => this.#reap(options, recover),
    };
  }

  #objectAt(address: number): BlockInfo | undefined {
    viewedLayers(this);
    const located = this.#debugging.blocks.locate(address);
    return located === undefined ? undefined : this.#info(located);
  }

  /** Objects that are freed are poisoned, and what lay in the dead thread's quarantine goes back. */
  #reap(options: ReapOptions, recover: (options: ReapOptions) => ReapReport): ReapReport {
    if (options.blocks !== "free") return recover(options);
    const layers = layersOf(this);
    const report = recover({ ...options, blocks: "give", to: this.slot });
    for (const { address } of report.blocks) this.#retireGiven(address);
    for (const { address, pageCount } of report.pageRuns) {
      // What another thread has freed in the meantime is gone already.
      if (ownerOfAddress(layers, address) === this.slot) this.pages.free(address, pageCount);
    }
    freeSlotObjects(layers, this.slot, { ...report, mempools: [] });
    return report;
  }

  /** Frees an object of a dead thread that this one was given, unless another thread is faster. */
  #retireGiven(address: number): void {
    const debugging = this.#debugging;
    const located = debugging.blocks.locate(address);
    if (located === undefined || !isLiveOf(layersOf(this), located, this.slot)) return;
    const entryFunction = reapSlot;
    if (located.record.state === "damaged") debugging.blocks.reportDamaged(located, entryFunction);
    const freed = debugging.blocks.release(located, address, entryFunction);
    if (freed !== undefined) debugging.quarantineFreed(freed, entryFunction);
  }

  /** Allocates a raw block by `take` and formats an object in it; 0 without memory, or if fault injection says so. */
  #take(
    sizeBytes: number,
    entryFunction: unknown,
    take: (rawBytes: number) => number,
    alignmentBytes: number = GRANULE,
  ): number {
    const asked = this.#ask(sizeBytes, entryFunction, alignmentBytes);
    if (asked === undefined) return 0;
    let block = 0;
    try {
      block = take(rawBytesOf(asked)) || this.#takeAgain(asked, take);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      block = this.#takeAgain(asked, take);
    }
    return this.#activate(block, asked);
  }

  /** What lies in quarantine is free memory, when there is no other. */
  #takeAgain(asked: Asked, take: (rawBytes: number) => number): number {
    if (this.#debugging.quarantine.count === 0) return 0;
    this.#debugging.emptyQuarantine(asked.entryFunction);
    try {
      return take(rawBytesOf(asked));
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      return 0;
    }
  }

  /** The request for an object; undefined if fault injection fails it, or if it exceeds the address space. */
  #ask(sizeBytes: number, entryFunction: unknown, alignmentBytes: number): Asked | undefined {
    requireSize(sizeBytes);
    this.current();
    const kind = this.#kindFor(sizeBytes);
    const asked = { sizeBytes, padBytes: DebugBlocks.padBytes(alignmentBytes), kind, entryFunction };
    if (rawBytesOf(asked) >= ADDRESS_SPACE_BYTES) return undefined;
    return this.#debugging.fails(kind, sizeBytes) ? undefined : asked;
  }

  #kindFor(sizeBytes: number): number {
    return sizeBytes > MAX_CLASS_BYTES ? RunKind.LARGE_BLOCK : this.#attachment.kmalloc.kindFor(sizeBytes);
  }

  #activate(block: number, asked: Asked): number {
    if (block === 0) return 0;
    const bytes = this.#attachment.kmalloc.usableBytes(block);
    const address = this.#debugging.blocks.activate({ address: block, bytes }, asked);
    this.#debugging.clearNew(asked.kind, address, address + asked.sizeBytes);
    return address;
  }

  #freeToQuarantine(address: number, entryFunction: unknown): void {
    this.current();
    const debugging = this.#debugging;
    debugging.quarantineFreed(debugging.blocks.deactivate(address, entryFunction), entryFunction);
  }

  #orThrow(address: number, sizeBytes: number): number {
    if (address === 0) throw outOfMemory(layersOf(this).pages, sizeBytes);
    return address;
  }

  #requireObject(address: number, entryFunction: unknown): Located {
    this.current();
    return this.#debugging.blocks.requireLive(address, entryFunction);
  }

  /** The block of the live object that starts at an address; the address itself where there is none. */
  #blockOf(address: number): number {
    const located = this.#debugging.blocks.locate(address);
    const isObject = located?.record.state === "LIVE" && objectAddress(located) === address;
    return isObject ? located.block.address : address;
  }

  #info(located: Located): BlockInfo {
    const { record, isTaken } = located;
    const live = isTaken && record.state === "LIVE";
    return {
      address: objectAddress(located),
      usableBytes: record.sizeBytes,
      cache: this.#debugging.blocks.cacheName(record.kind),
      live,
      slot: live ? ownerOfAddress(this.current(), located.block.address) : undefined,
    };
  }

  #debugCacheContext(): DebugCacheContext {
    return {
      ...this.cacheContext(),
      debugging: this.#debugging,
    };
  }
}
