import { attachmentOf, extendHeap, type HeapExtension, layersOf, viewedLayers } from "../heap/access.ts";
import type { Attachment } from "../heap/attachment.ts";
import type { BlockCalls } from "../heap/block-calls.ts";
import { type ViewType, viewWithin } from "../heap/block-view.ts";
import type { HeapHandle } from "../heap/handle.ts";
import { Heap } from "../heap/heap.ts";
import { loadAttachment } from "../heap/load-dump.ts";
import { freeMoved } from "../heap/move-block.ts";
import { createAttachment, openAttachment } from "../heap/open.ts";
import { ATTACH_CHECKS, type AttachOptions, HEAP_CHECKS, type HeapOptions } from "../heap/options.ts";
import { sinkFor } from "../heap/report-sink.ts";
import { type BlockInfo, describeAddress, liveBlocks } from "../kmalloc/describe.ts";
import { requireSize } from "../kmalloc/kmalloc.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { DeathCleanup } from "../kmalloc/reap-report.ts";
import { isUint32, readOptions } from "../memory/arguments.ts";
import { clear } from "../memory/clear.ts";
import type { Registration } from "../memory/dispose.ts";
import { KmemError } from "../memory/errors.ts";
import { FirstError, forAll } from "../memory/first-error.ts";
import { HeapFlag, PAGE_MASK } from "../memory/layout.ts";
import type { MemorySource } from "../memory/memory.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import { repairRoot, rootFindings } from "../repair/debug-root.ts";
import { AreaWord } from "../slab/layout.ts";
import { ownerOfAddress } from "../slab/ownership.ts";
import { describeDeadThreadBlock, releaseGuarded } from "./abandoned.ts";
import { bindCountedAlloc } from "./counted-alloc.ts";
import { DebugBlocks } from "./debug-blocks.ts";
import { StackDepot } from "./depot.ts";
import { GUARDED_MAX_BYTES, guardedAt, guardedObjects, guardedPadBytes, guardedRunBytes } from "./guarded.ts";
import { DEFAULT_LETTERS } from "./layout.ts";
import { type Located, objectAddress } from "./locate-object.ts";
import { type Evicted, Quarantine } from "./quarantine.ts";
import { repairDebugged } from "./repair-blocks.ts";
import type { BugReport } from "./report.ts";
import { DebugRoot } from "./root.ts";
import {
  DEFAULT_GUARDED_COUNT,
  DEFAULT_SAMPLE_EVERY,
  SAMPLING_CHECKS,
  type SamplingOptions,
} from "./sampling-options.ts";
import { DEFAULT_STACK_DEPTH } from "./stack.ts";

/** What `SampledHeap.create` takes: the options of a heap, and those of the sampling. */
export interface SampledHeapOptions extends HeapOptions, SamplingOptions {}

/** What one thread has sampled, as KFENCE's `stats` has it; but `currentlyAllocated` is of all threads. */
export interface SamplingStats {
  /** Live guarded objects, of all threads. */
  readonly currentlyAllocated: number;
  /** Allocations that have been guarded. */
  readonly totalAllocations: number;
  /** Guarded objects that have been freed. */
  readonly totalFrees: number;
  /** Freed objects whose places are kept, so that writes to them are found. */
  readonly zombieAllocations: number;
  /** Bugs that have been reported. */
  readonly totalBugs: number;
  /** Sampled allocations that were not guarded because the size is 0, invalid, or above one page. */
  readonly skippedIncompatible: number;
  /** Sampled allocations that were not guarded because the limit was reached or no pages were free. */
  readonly skippedCapacity: number;
}

/**
 * A heap for production that finds some memory bugs, after Linux's KFENCE: one allocation in many gets pages of its
 * own, canaries around it and a record of who allocated and who freed it; all others are those of a plain heap, at its
 * cost but for one counter. Bugs that come again are found in the end. Every thread opens such a heap with
 * `SampledHeap.attach`.
 */
export class SampledHeap extends Heap {
  declare private below: BlockCalls;
  /** The calls that the heap has been given: those below with the counted `alloc`. */
  declare private served: BlockCalls;
  declare private isReady: boolean | undefined;
  readonly #root: DebugRoot;
  readonly #blocks: DebugBlocks;
  readonly #quarantine: Quarantine;
  readonly #shrinker: Registration;
  readonly #guardedCount: number;
  readonly #counts = { allocations: 0, frees: 0, bugs: 0, incompatible: 0, capacity: 0 };

  private constructor(attachment: Attachment, options: SamplingOptions) {
    super(attachment);
    const { sampleEvery = DEFAULT_SAMPLE_EVERY, guardedCount = DEFAULT_GUARDED_COUNT } = options;
    const { layers } = attachment;
    const root = DebugRoot.find(layers);
    if (root === undefined) throw new KmemError("BAD_ARGUMENT", "the sampled heap has lost its root", {});
    this.#root = root;
    const sink = sinkFor(layers);
    const { report = (bug: BugReport) => sink.print(bug.text()), panic = false } = options;
    const { stackDepth = DEFAULT_STACK_DEPTH, stacks } = options;
    this.#blocks = new DebugBlocks(layers, root, new StackDepot(layers, root), {
      stackDepth,
      stacks,
      panics: panic,
      print: () => {},
      report: (bug) => {
        this.#counts.bugs++;
        report(bug);
      },
    });
    this.#guardedCount = guardedCount;
    this.#quarantine = new Quarantine({ bytes: Number.POSITIVE_INFINITY, count: guardedCount >>> 1 });
    extendHeap(this, this.#extension());
    const rate = Math.min(sampleEvery, rates.get(layers) ?? sampleEvery);
    rates.set(layers, rate);
    const { words } = layers.memory;
    const countWord = sampleInWord(layers);
    // Another heap of this thread may be counting: it is not held up, unless the word is none of its.
    if (words[countWord] <= 0 || words[countWord] >= 2 * rate) words[countWord] = intervalAround(rate);
    this.isReady = true;
    this.#sample();
    // What lies in quarantine is free memory, when there is no other.
    this.#shrinker = attachment.kmalloc.shrinkers.addInternal({
      name: "guarded objects in quarantine",
      count: () => this.#quarantine.count,
      scan: () => this.#emptyQuarantine(SampledHeap.prototype.alloc),
    });
  }

  /** As `Heap.create`. Throws OUT_OF_MEMORY too, without pages for the records. */
  static override create(given: SampledHeapOptions = {}): SampledHeap {
    const options = readOptions("options", given, { ...HEAP_CHECKS, ...SAMPLING_CHECKS });
    const attachment = createAttachment(options, HeapFlag.SAMPLED);
    const root = DebugRoot.create(attachment.layers, "", () => DEFAULT_LETTERS);
    if (root === undefined) throw outOfMemory(attachment.layers.pages, 0);
    return new SampledHeap(attachment, options);
  }

  /** As `Heap.attach`, with how this thread samples. */
  static override attach(
    source: MemorySource | HeapHandle,
    options: SamplingOptions & AttachOptions = {},
  ): SampledHeap {
    const { start = 0, ...how } = readOptions("options", options, { ...SAMPLING_CHECKS, ...ATTACH_CHECKS });
    return new SampledHeap(openAttachment(source, start, HeapFlag.SAMPLED), how);
  }

  /** As `loadDump`, with how this thread works on it. */
  static load(dump: Uint8Array, options: SamplingOptions = {}): SampledHeap {
    const how = readOptions("options", options, SAMPLING_CHECKS);
    return new SampledHeap(loadAttachment(dump, HeapFlag.SAMPLED), how);
  }

  /**
   * Puts a counter into `alloc`, and nothing into `free`: a guarded object takes the slow path there by itself.
   *
   * @internal
   */
  protected override publish(below: BlockCalls): void {
    this.below = below;
    super.publish(below);
    this.rebound();
  }

  /** The counter has views of its own. @internal */
  protected override rebound(): void {
    // Not before the constructor has set the count.
    if (this.isReady === true) this.#sample();
  }

  #sample(): void {
    const { alloc: allocBelow } = this.below;
    const layers = layersOf(this);
    const countWord = sampleInWord(layers);
    const alloc = bindCountedAlloc(this.pathContext(), (sizeBytes) => {
      requireSize(sizeBytes);
      const { words } = this.current().memory;
      const left = words[countWord] - 1;
      words[countWord] = left > 0 ? left : intervalAround(rates.get(layers) ?? DEFAULT_SAMPLE_EVERY);
      if (left > 0) return allocBelow(sizeBytes);
      return this.#allocGuarded(sizeBytes, alloc) || allocBelow(sizeBytes);
    });
    this.alloc = alloc;
    this.served = { ...this.below, alloc };
  }

  /**
   * The counted `alloc` does what the fast path does, and counts: so do copies of it that are no JavaScript.
   *
   * @internal
   */
  protected override usesFastPath(): boolean {
    return this.alloc === this.served.alloc && this.free === this.served.free;
  }

  /** A guarded object, or 0 where it cannot be. */
  #allocGuarded(sizeBytes: number, entryFunction: unknown): number {
    if (!(Number.isInteger(sizeBytes) && sizeBytes > 0 && sizeBytes <= GUARDED_MAX_BYTES)) {
      this.#counts.incompatible++;
      return 0;
    }
    this.current();
    const runBytes = guardedRunBytes(sizeBytes);
    const isRoom = this.#root.guardedCount + this.#quarantine.count < this.#guardedCount;
    const { kmalloc } = attachmentOf(this);
    const run = isRoom ? kmalloc.allocateRun(runBytes, 1, false) : 0;
    if (run === 0) {
      this.#counts.capacity++;
      return 0;
    }
    const isRight = (++this.#counts.allocations & 1) === 0;
    const padBytes = guardedPadBytes(sizeBytes, runBytes, isRight);
    const kind = kmalloc.kindFor(sizeBytes);
    const address = this.#blocks.activate(
      { address: run, bytes: runBytes },
      { sizeBytes, padBytes, kind, entryFunction },
    );
    this.#root.addGuarded(1);
    return address;
  }

  /** @internal */
  protected override slowFree(address: number): void {
    const located = this.#guarded(address);
    if (located === undefined) {
      super.slowFree(address);
      return;
    }
    this.current();
    const freed = this.#blocks.deactivate(address, this.free);
    this.#counts.frees++;
    this.#root.addGuarded(-1);
    this.#releaseAll(this.#quarantine.put(freed), this.free);
  }

  /** As {@link Debugging.expel}. */
  #releaseAll(evicted: readonly Evicted[], entryFunction: unknown): void {
    forAll(evicted, (one) => {
      try {
        this.#blocks.leaveQuarantine(one, entryFunction);
      } catch (error) {
        this.#quarantine.putBack(one);
        throw error;
      }
      this.#blocks.erase(one.block);
      super.slowFree(one.block.address);
    });
  }

  /** The guarded object that an address lies in, unless it is the start of a page. */
  #guarded(address: number): Located | undefined {
    if (!isUint32(address) || (address & PAGE_MASK) === 0) return undefined;
    return guardedAt(viewedLayers(this), this.#blocks, address);
  }

  /** As `Heap.calloc`; one in so many blocks is guarded. Throws the same errors. */
  override calloc(count: number, sizeBytes: number): number {
    requireSize(count);
    requireSize(sizeBytes);
    const totalBytes = count * sizeBytes;
    requireSize(totalBytes);
    const address = this.alloc(totalBytes);
    const { memory, geometry } = this.current();
    // Behind a guarded object its red zone begins at the next byte, not at the next granule.
    if (this.#guarded(address) !== undefined) memory.bytes.fill(0, address, address + totalBytes);
    else clear(memory, geometry, address, totalBytes);
    return address;
  }

  /** As `Heap.realloc`, for guarded blocks too. Throws the same errors. */
  override realloc(address: number, sizeBytes: number): number {
    const located = this.#guarded(address);
    if (located === undefined) return this.slowRealloc(address, sizeBytes);
    requireSize(sizeBytes);
    const live = this.#blocks.requireLive(address, SampledHeap.prototype.realloc);
    // Before another block is taken for it: what is found may be thrown.
    this.#blocks.verify(live, SampledHeap.prototype.realloc);
    const { sizeBytes: before } = live.record;
    // An object that is to become smaller can always stay where it is.
    const moved = sizeBytes <= before ? this.tryAlloc(sizeBytes) : this.alloc(sizeBytes);
    if (moved === 0) {
      this.#blocks.resize(live, sizeBytes, SampledHeap.prototype.realloc);
      return address;
    }
    const { memory } = this.current();
    memory.bytes.copyWithin(moved, address, address + Math.min(before, sizeBytes));
    return freeMoved(this, address, moved);
  }

  /** As `Heap.usableSize`; of a guarded block the bytes that were asked for. */
  override usableSize(address: number): number {
    const located = this.#guarded(address);
    if (located === undefined) return super.usableSize(address);
    return this.#blocks.requireLive(address, SampledHeap.prototype.usableSize).record.sizeBytes;
  }

  /** The view of a block, within the bytes that were asked for where it is guarded. Throws INVALID_ADDRESS. */
  protected override viewAt<View>(type: ViewType<View>, address: number, length: number): View {
    const located = this.#guarded(address);
    if (located === undefined) return super.viewAt(type, address, length);
    const info = this.#info(located);
    return viewWithin(this.current(), address >= info.address ? info : undefined, type, address, length);
  }

  #info(located: Located): BlockInfo {
    const { record, isTaken, block } = located;
    const live = isTaken && record.state === "LIVE";
    const cache = this.#blocks.cacheName(record.kind);
    const slot = live ? ownerOfAddress(this.current(), block.address) : undefined;
    return { address: objectAddress(located), usableBytes: record.sizeBytes, cache, live, slot };
  }

  #liveGuarded(): number {
    return [...guardedObjects(layersOf(this), this.#blocks)].filter(({ record }) => record.state === "LIVE").length;
  }

  /** What the functions that look at heaps, repair them and recover from deaths find in this one besides. */
  #extension(): HeapExtension {
    const blocks = this.#blocks;
    const viewed = (): Layers => viewedLayers(this);
    return {
      findings: () => {
        const own = [...guardedObjects(viewed(), blocks)].flatMap((located) => blocks.findings(located));
        return [...rootFindings(viewed()), ...own];
      },
      repairRoots: () => repairRoot(viewed(), this.#root.frame),
      repairBlocks: () => repairDebugged(blocks, guardedObjects(viewed(), blocks)),
      blockAt: (address) => {
        const located = this.#guarded(address);
        return located === undefined ? describeAddress(viewed(), address).block : this.#info(located);
      },
      blocks: () => this.#liveBlocks(),
      blockAddress: (address) => this.#guarded(address)?.block.address ?? address,
      cleanup: this.#cleanup(),
      reap: (_slot, options, recover) => {
        const report = recover(options);
        // A thread that died between an object and its count has left the count wrong by one: nobody else changes it
        // now.
        if (!layersOf(this).slots.hasSeveral) this.#root.addGuarded(this.#liveGuarded() - this.#root.guardedCount);
        return report;
      },
    };
  }

  *#liveBlocks(): Generator<BlockInfo> {
    const layers = viewedLayers(this);
    for (const block of liveBlocks(layers)) {
      const located = block.cache === "pages" ? guardedAt(layers, this.#blocks, block.address) : undefined;
      if (located === undefined) yield block;
      else if (located.record.state === "LIVE") yield this.#info(located);
    }
  }

  /** Guarded objects that are freed at a recovery go without a look at them. */
  #cleanup(): DeathCleanup {
    const layers = layersOf(this);
    const blocks = this.#blocks;
    return {
      release: (slot, mode) => {
        const released = releaseGuarded(layers, blocks, { slot, isFreeing: mode === "free" });
        this.#root.addGuarded(-released.freed.length);
        return released;
      },
      describe: (block) => {
        const located = block.cache === "pages" ? guardedAt(layers, blocks, block.address) : undefined;
        return located === undefined ? block : describeDeadThreadBlock(blocks, located, block);
      },
    };
  }

  /** Ends this thread's quarantine, then gives the slot back, as `Heap.detach`. */
  override detach(): void {
    this.requireLeavable();
    const errors = new FirstError();
    errors.run(() => this.#emptyQuarantine(SampledHeap.prototype.detach));
    for (const { block } of this.#quarantine.drain()) {
      this.#blocks.erase(block);
      errors.run(() => super.slowFree(block.address));
    }
    this.#shrinker();
    errors.run(() => super.detach());
    errors.rethrow();
  }

  /** As `Heap.trim`; places of objects that this thread has freed are looked at, and go back too. */
  override trim(): number {
    this.current();
    this.#emptyQuarantine(SampledHeap.prototype.trim);
    return super.trim();
  }

  /** Ends the quarantine; returns how many objects it held. */
  #emptyQuarantine(entryFunction: unknown): number {
    const before = this.#quarantine.count;
    this.#releaseAll(this.#quarantine.drain(), entryFunction);
    return before - this.#quarantine.count;
  }

  /** What this thread has sampled so far. */
  samplingStats(): SamplingStats {
    const { allocations, frees, bugs, incompatible, capacity } = this.#counts;
    return {
      currentlyAllocated: this.#root.guardedCount,
      totalAllocations: allocations,
      totalFrees: frees,
      zombieAllocations: this.#quarantine.count,
      totalBugs: bugs,
      skippedIncompatible: incompatible,
      skippedCapacity: capacity,
    };
  }
}

/** How often the slot of these layers samples: what its heaps in this thread ask for, the least. They share its count. */
const rates: WeakMap<Layers, number> = /* @__PURE__ */ new WeakMap();

/** Index in `words` of the allocations until the next is sampled, of the slot of this thread. */
function sampleInWord({ sheaves }: Layers): number {
  return sheaves.areaWord + AreaWord.SAMPLE_IN;
}

/** A whole number from 1 on, on average about `mean`, so that no program's rhythm hides its bugs. */
function intervalAround(mean: number): number {
  return 1 + Math.floor(Math.random() * (2 * mean - 1));
}
