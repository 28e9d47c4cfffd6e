import { Cache, type CacheOptions } from "./cache.ts";
import { type CheckReport, checkLayers } from "./kmalloc/check.ts";
import { type BlockInfo, badFree, describeAddress, liveBlocks } from "./kmalloc/describe.ts";
import { Kmalloc, requireAlignment, requireSize } from "./kmalloc/kmalloc.ts";
import { attachLayers, createLayers, type Layers } from "./kmalloc/layers.ts";
import { footprintBytes, type HeapStats, heapStats } from "./kmalloc/stats.ts";
import { clear } from "./memory/clear.ts";
import { openDump, writeDump } from "./memory/dump.ts";
import { KmemError, OutOfMemoryError } from "./memory/errors.ts";
import { PAGE_SIZE } from "./memory/layout.ts";
import { LinearMemory, type MemoryKind, type MemorySource } from "./memory/memory.ts";
import { type MemoryOptions, newMemory } from "./memory/new-memory.ts";
import { Pages } from "./pages-face.ts";
import { bindFastPath, type FastPath } from "./slab/fast-path.ts";
import { classBytes, MAX_CLASS_BYTES } from "./slab/size-classes.ts";
import type { BlockFunctions } from "./slab/slab.ts";
import { SlotCaches } from "./slab/slot-caches.ts";

/** How a heap is made; see {@link MemoryOptions} for where. */
export interface HeapOptions extends MemoryOptions {
  /** Threads that may work on the heap at a time: 1 to 127. Default 64. */
  readonly slotCount?: number;
  /** Bytes at the low end that form a DMA zone of their own. Default 0. */
  readonly dmaBytes?: number;
}

/** A class of typed arrays, for {@link Heap.view}. */
export interface ViewType<View> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): View;
}

/**
 * A heap: malloc and its family inside one buffer. Addresses are byte offsets into that buffer, unsigned 32-bit; 0 is
 * null. All state is in the buffer, so any number of `Heap` objects may stand for the same heap; so far all of them
 * must be used from one thread. A call that throws has changed nothing.
 */
export class Heap {
  /**
   * Allocates `sizeBytes` (0 to 2^32 - 1) and returns the address of a block aligned to 16. Size 0 gets a block of
   * its own. Contents are whatever was there. Throws {@link OutOfMemoryError}, or BAD_SIZE for what is no size.
   * O(1) as a rule; the slow path makes a slab. From C's malloc and the kmalloc of all five documents.
   */
  alloc!: (sizeBytes: number) => number;
  /** As {@link alloc}, but returns 0 when there is no memory, and may use the reserve below the lowest watermark. */
  tryAlloc!: (sizeBytes: number) => number;
  /**
   * Frees the live block that starts at `address`; 0 does nothing. Throws DOUBLE_FREE or INVALID_FREE, with the heap
   * unchanged, for every other value, and says what is known of the address. O(1).
   */
  free!: (address: number) => void;
  /** The page allocator below. */
  readonly pages: Pages;

  readonly #layers: Layers;
  readonly #kmalloc: Kmalloc;
  #slotCaches: SlotCaches | undefined;
  #fast!: FastPath;

  private constructor(layers: Layers) {
    this.#layers = layers;
    this.#kmalloc = new Kmalloc(layers);
    this.pages = new Pages(layers);
    this.#bind();
  }

  /**
   * Makes the functions that go the fast path. They are closures over constants and stay good when shared memory
   * grows, since every table lies below the first end; growing memory that is not shared detaches the old buffer, and
   * then they are made anew.
   */
  #bind(): void {
    const { memory, geometry, sheaves, slot } = this.#layers;
    this.#fast = bindFastPath(
      { memory, geometry, areaWord: sheaves.areaWord, slot },
      {
        alloc: (sizeBytes) => this.#slowAlloc(sizeBytes),
        free: (address) => this.#slowFree(address),
      },
    );
    const { alloc, free, take } = this.#fast;
    this.alloc = alloc;
    this.free = free;
    this.tryAlloc = (sizeBytes) => {
      const address = take(sizeBytes);
      return address !== 0 ? address : this.#slowTryAlloc(sizeBytes, true);
    };
  }

  /** Makes a heap in new or given memory. Throws BAD_ARGUMENT or BAD_GEOMETRY before it writes anything. */
  static create(options: HeapOptions = {}): Heap {
    const { memory, extent } = newMemory(options);
    const { slotCount, dmaBytes } = options;
    return new Heap(createLayers(memory, { ...extent, slotCount, dmaBytes }));
  }

  /**
   * Opens the heap that another `Heap` made in this memory, `start` bytes in. Throws NOT_A_HEAP, WRONG_VERSION,
   * WRONG_BYTE_ORDER, BAD_GEOMETRY or TRUNCATED, and names the word that is wrong.
   */
  static attach(source: MemorySource, start = 0): Heap {
    return new Heap(attachLayers(new LinearMemory(source), start));
  }

  /** Opens a copy of a dumped heap, in a new buffer. Throws as {@link attach} does. */
  static load(dump: Uint8Array): Heap {
    const opened = openDump(dump);
    const buffer = new SharedArrayBuffer(opened.byteLength);
    opened.copyTo(new Uint8Array(buffer));
    return Heap.attach(buffer, opened.start);
  }

  /** What the heap lives in, for another `attach`. */
  get source(): MemorySource {
    return this.#layers.memory.source;
  }

  get memoryKind(): MemoryKind {
    return this.#layers.memory.kind;
  }

  /** The buffer as it is now; another object after each growth. */
  get buffer(): ArrayBufferLike {
    return this.#layers.memory.buffer;
  }

  /**
   * Allocates `count` times `sizeBytes` and clears it. Throws as {@link alloc}, and BAD_SIZE when the product does not
   * fit in 32 bits. O(bytes). From C's calloc and the My Kernel page's kcalloc.
   */
  calloc(count: number, sizeBytes: number): number {
    requireSize(count);
    requireSize(sizeBytes);
    const totalBytes = count * sizeBytes;
    requireSize(totalBytes);
    const address = this.alloc(totalBytes);
    const { memory, geometry } = this.#current();
    clear(memory, geometry, address, totalBytes);
    return address;
  }

  /**
   * Gives the block at `address` a new size and returns where it is now: in place where it can stay, else a new block
   * with the old contents as far as they fit. `address` 0 allocates. Throws as {@link alloc} and {@link free} do; the
   * old block survives every failure. An alignment above 16 is not kept when the block moves. O(1) or O(bytes moved).
   */
  realloc(address: number, sizeBytes: number): number {
    requireSize(sizeBytes);
    if (address === 0) return this.alloc(sizeBytes);
    this.#requireLive(address);
    if (this.#kmalloc.resizeInPlace(address, sizeBytes)) return address;
    const usableBytes = this.#kmalloc.usableBytes(address);
    // A block that is to become smaller can always stay where it is.
    const moved = sizeBytes <= usableBytes ? this.tryAlloc(sizeBytes) : this.alloc(sizeBytes);
    if (moved === 0) return address;
    const kept = Math.min(usableBytes, sizeBytes);
    this.#layers.memory.bytes.copyWithin(moved, address, address + kept);
    this.free(address);
    return moved;
  }

  /**
   * Allocates `sizeBytes` at a multiple of `alignmentBytes`, any power of two below 2^32. Throws as {@link alloc}, and
   * BAD_ALIGNMENT. Up to a page it costs what `alloc` does; beyond, the block is a run of pages.
   */
  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    requireAlignment(alignmentBytes);
    requireSize(sizeBytes);
    if (sizeBytes <= MAX_CLASS_BYTES && alignmentBytes <= PAGE_SIZE) {
      const bytes = classBytes(this.#kmalloc.classFor(sizeBytes, alignmentBytes));
      const block = this.#fast.take(bytes) || this.#slowTryAlloc(bytes, false);
      if (block === 0) throw this.#outOfMemory(sizeBytes);
      return block;
    }
    this.#current();
    const address = this.#kmalloc.allocateRun(sizeBytes, alignmentBytes, false);
    if (address === 0) throw this.#outOfMemory(sizeBytes);
    return address;
  }

  /** Bytes that the live block at `address` can hold, at least what was asked for. Throws INVALID_ADDRESS. O(1). */
  usableSize(address: number): number {
    this.#requireLive(address);
    return this.#kmalloc.usableBytes(address);
  }

  /** The block that an address lies in, live or free, or undefined where there is none. Any number is allowed. */
  blockAt(address: number): BlockInfo | undefined {
    return describeAddress(this.#current(), address).block;
  }

  /** All live blocks in address order. Do not allocate or free while iterating. */
  blocks(): Generator<BlockInfo> {
    return liveBlocks(this.#current());
  }

  /** Makes a cache of objects of one size; see {@link Cache}. Throws for a name in use or a size that cannot be. */
  createCache(options: CacheOptions): Cache {
    return Cache.create(this.#current(), this.#kmalloc, this.#handMade(), options);
  }

  /**
   * Opens a cache that there is already, by its name, and names the functions that this thread runs for its objects:
   * those that it was made with, or none, which does for all but making and releasing slabs. Throws BAD_ARGUMENT.
   */
  openCache(name: string, functions: BlockFunctions = {}): Cache {
    return Cache.open(this.#current(), this.#kmalloc, this.#handMade(), name, functions);
  }

  #handMade(): SlotCaches {
    if (this.#slotCaches === undefined) {
      const { memory, geometry, sheaves, slot } = this.#layers;
      this.#slotCaches = new SlotCaches({ memory, geometry, areaWord: sheaves.areaWord, slot });
    }
    return this.#slotCaches;
  }

  /** Figures of every layer; the parts of `bytes` add up to the whole. O(pages). */
  stats(): HeapStats {
    return heapStats(this.#current());
  }

  /** Bytes of memory in use by blocks, slabs, sheaves and the tables that describe them. O(1). */
  get footprintBytes(): number {
    return footprintBytes(this.#current());
  }

  /** Verifies every invariant of every layer and lists what is broken. O(heap). Reads only. */
  check(): CheckReport {
    return checkLayers(this.#current());
  }

  /** Empties this slot's sheaves and releases empty slabs; returns the pages that became free. O(free blocks). */
  trim(): number {
    this.#current();
    return this.#kmalloc.reclaim();
  }

  /** A copy of the memory without its empty pages, for {@link load}. O(bytes). */
  dump(): Uint8Array<ArrayBuffer> {
    const { memory, geometry, pages } = this.#current();
    return writeDump(memory.bytes.subarray(0, pages.frames.endFrame * PAGE_SIZE), geometry.baseFrame * PAGE_SIZE);
  }

  /**
   * A typed view of `length` elements at an address. It stays valid for as long as the block does; on memory that
   * grows and is not shared, only until the next growth. Throws INVALID_ADDRESS unless a block holds all of it.
   */
  view<View>(type: ViewType<View>, address: number, length: number): View {
    const block = this.blockAt(address);
    const end = address + length * type.BYTES_PER_ELEMENT;
    const isWhole = Number.isInteger(length) && length >= 0 && address % type.BYTES_PER_ELEMENT === 0;
    if (block?.live !== true || !isWhole || end > block.address + block.usableBytes) {
      throw new KmemError(
        "INVALID_ADDRESS",
        `no live block holds ${length} aligned elements of ${type.BYTES_PER_ELEMENT} bytes at ${address}`,
        { address, length, block },
      );
    }
    return new type(this.buffer, address, length);
  }

  /** The bytes of a live block, all that it can hold unless `length` says fewer. */
  u8(address: number, length: number = this.usableSize(address)): Uint8Array<ArrayBufferLike> {
    return this.view(Uint8Array, address, length);
  }

  /** Signed 32-bit words of a live block. */
  i32(address: number, length: number = this.usableSize(address) >>> 2): Int32Array<ArrayBufferLike> {
    return this.view(Int32Array, address, length);
  }

  /** Unsigned 32-bit words of a live block. */
  u32(address: number, length: number = this.usableSize(address) >>> 2): Uint32Array<ArrayBufferLike> {
    return this.view(Uint32Array, address, length);
  }

  /** Doubles of a live block. */
  f64(address: number, length: number = this.usableSize(address) >>> 3): Float64Array<ArrayBufferLike> {
    return this.view(Float64Array, address, length);
  }

  #slowAlloc(sizeBytes: number): number {
    const address = this.#slowTryAlloc(sizeBytes, false);
    if (address === 0) throw this.#outOfMemory(sizeBytes);
    return address;
  }

  #slowTryAlloc(sizeBytes: number, fromReserve: boolean): number {
    requireSize(sizeBytes);
    this.#current();
    if (sizeBytes > MAX_CLASS_BYTES) return this.#kmalloc.allocateRun(sizeBytes, 1, fromReserve);
    if (this.#rebindDetached()) {
      const address = this.#fast.take(sizeBytes);
      if (address !== 0) return address;
    }
    if (!this.#kmalloc.refill(this.#kmalloc.kindFor(sizeBytes), fromReserve)) return 0;
    this.#rebindDetached();
    return this.#fast.take(sizeBytes);
  }

  #slowFree(address: number): void {
    if (address === 0) return;
    this.#rebindDetached();
    if (this.#kmalloc.free(address) === "done") return;
    // The sheaf of a cache made by hand may lie in memory that was not there yet when the fast path was bound.
    if (!this.#fast.hasRoom(address)) this.#bind();
    if (!this.#fast.hasRoom(address)) throw badFree(this.#layers, address);
    this.#fast.free(address);
  }

  /** The layers, with views of the memory as it is now: another `Heap` or the memory's owner may have grown it. */
  #current(): Layers {
    this.#layers.memory.refresh();
    return this.#layers;
  }

  /** Makes the fast path anew when growth has detached its views; returns whether it had. */
  #rebindDetached(): boolean {
    this.#layers.memory.refresh();
    if (!this.#fast.isDetached()) return false;
    this.#bind();
    return true;
  }

  #requireLive(address: number): void {
    this.#current();
    if (this.#kmalloc.isLive(address)) return;
    const info = describeAddress(this.#layers, address);
    throw new KmemError("INVALID_ADDRESS", `no live block starts at ${address} (${info.where})`, {
      address,
      ...info,
    });
  }

  #outOfMemory(askedBytes: number): OutOfMemoryError {
    const { pages } = this.#layers;
    return new OutOfMemoryError({
      askedBytes,
      freeBytes: pages.freeBytes,
      largestFreeRunBytes: pages.largestFreeRunBytes(),
    });
  }
}
