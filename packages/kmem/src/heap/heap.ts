import { type BlockInfo, describeAddress, liveBlocks, notLive } from "../kmalloc/describe.ts";
import { type Kmalloc, REFILLED, requireAlignment, requireSize } from "../kmalloc/kmalloc.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { WaitOptions } from "../kmalloc/memory-wait.ts";
import type { Shrinker } from "../kmalloc/shrinkers.ts";
import { footprintBytes, type HeapStats, heapStats } from "../kmalloc/stats.ts";
import { readOptions } from "../memory/arguments.ts";
import { clear } from "../memory/clear.ts";
import { copyBytes } from "../memory/copy.ts";
import { writeDump } from "../memory/dump.ts";
import { headerWord } from "../memory/header.ts";
import { Header, HeapFlag, PAGE_SIZE } from "../memory/layout.ts";
import type { MemoryKind, MemorySource } from "../memory/memory.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import type { BlockFunctions } from "../slab/block-functions.ts";
import { bindFamilyPath, type FamilyPath, NO_FAMILY_PATH } from "../slab/fast-family.ts";
import { bindFastPath, type FastPath, type FastPathContext } from "../slab/fast-path.ts";
import { classBytes, MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { SlotCaches } from "../slab/slot-caches.ts";
import { detachedError, requireHeld } from "../sync/slot-sync.ts";
import { type Attachment, leaveAttachment, requireAttachment } from "./attachment.ts";
import { blockView, type ViewType } from "./block-view.ts";
import { Cache, type CacheContext, type CacheOptions } from "./cache.ts";
import type { HeapHandle } from "./handle.ts";
import { createAttachment, loadAttachment, openAttachment } from "./open.ts";
import { HEAP_CHECKS, type HeapOptions } from "./options.ts";
import { Pages } from "./pages.ts";
import { ThreadedHeap } from "./threaded-heap.ts";

/** The calls that go the fast path. */
export type BlockCalls = Pick<Heap, "alloc" | "free" | "tryAlloc">;

/**
 * A heap: malloc and its family inside one buffer. Addresses are byte offsets into that buffer, unsigned 32-bit; 0 is
 * null. All state is in the buffer: any number of threads work on it, each through a slot of its own that it takes with
 * {@link attach}, and any of them frees what any other allocated. A call that throws has changed nothing.
 */
export class Heap extends ThreadedHeap {
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
  /** What the faces of the documents stand on; it is not for users. */
  readonly layers: Layers;
  readonly #attachment: Attachment;
  readonly #kmalloc: Kmalloc;
  #slotCaches: SlotCaches | undefined;
  #fast!: FastPath;
  #family!: FamilyPath;
  #isDetached = false;

  protected constructor(attachment: Attachment) {
    requireAttachment(attachment);
    super();
    this.#attachment = attachment;
    this.layers = attachment.layers;
    this.#kmalloc = attachment.kmalloc;
    this.pages = new Pages(() => this.current(), attachment.kmalloc, attachment.waits);
    this.#bind();
  }

  /**
   * Makes the functions that go the fast path. They are closures over constants and stay good when shared memory
   * grows, since every table lies below the first end. Growth of memory that is not shared ends them: see
   * #rebindDetached.
   */
  #bind(): void {
    const context = this.pathContext();
    this.#family = bindFamilyPath(context);
    this.#fast = bindFastPath(context, {
      alloc: (sizeBytes) => this.#slowAlloc(sizeBytes),
      free: (address) => this.slowFree(address),
    });
    const { alloc, free, take } = this.#fast;
    const tryAlloc = (sizeBytes: number): number => {
      const address = take(sizeBytes);
      return address !== 0 ? address : this.#slowTryAlloc(sizeBytes, true);
    };
    this.publish({ alloc, free, tryAlloc });
  }

  /** Makes the functions the heap's own. A heap that does more to its blocks puts others around them. */
  protected publish({ alloc, free, tryAlloc }: BlockCalls): void {
    this.alloc = alloc;
    this.free = free;
    this.tryAlloc = tryAlloc;
  }

  /** What a fast path of this heap is bound to. */
  protected pathContext(): FastPathContext {
    const { memory, geometry, sheaves, slot } = this.layers;
    const isExact = (memory.words[headerWord(geometry, Header.FLAGS)] & HeapFlag.EXACT_FREES) !== 0;
    return { memory, geometry, areaWord: sheaves.areaWord, slot, isExact };
  }

  /** Makes a heap in new or given memory. Throws BAD_ARGUMENT or BAD_GEOMETRY before it writes anything. */
  static create(options: HeapOptions = {}): Heap {
    return new Heap(createAttachment(readOptions("options", options, HEAP_CHECKS)));
  }

  /**
   * Opens the heap that another thread made: by its {@link handle}, or by its memory and the byte it begins at. The
   * thread takes a free slot, or the one reserved for it; a second `Heap` by a handle, or over the memory that the
   * thread has, shares its slot. Throws NO_SLOT when all are held, or the reserved one is not the thread's;
   * OUT_OF_MEMORY without pages for it; BAD_ARGUMENT for a heap that is debugged, an altered handle, a copy of memory
   * that is not shared; and NOT_A_HEAP, WRONG_VERSION, WRONG_BYTE_ORDER, BAD_GEOMETRY or TRUNCATED, with the word
   */
  static attach(source: MemorySource | HeapHandle, start = 0): Heap {
    return new Heap(openAttachment(source, start));
  }

  /** Opens a copy of a dumped heap, in a new buffer. Throws as {@link attach} does. */
  static load(dump: Uint8Array): Heap {
    return new Heap(loadAttachment(dump));
  }

  /** The slot that this thread works through: the tag of the blocks it allocates. */
  get slot(): number {
    return this.layers.slot;
  }

  /**
   * Gives the slot back, with all that its caches held; blocks stay as they are. Every later call on this object throws
   * DETACHED. Do not keep `alloc` and `free` beyond it: the slot may soon be another thread's. O(free blocks held).
   */
  detach(): void {
    this.current();
    this.#isDetached = true;
    this.#family = NO_FAMILY_PATH;
    const refuse = (): never => {
      throw detachedError(this.slot);
    };
    this.alloc = this.free = this.tryAlloc = refuse;
    leaveAttachment(this.#attachment);
  }

  /** As {@link layers}, with what waits and reclaims, and memory as it is now. Throws DETACHED. It is not for users. */
  get attachment(): Attachment {
    this.current();
    return this.#attachment;
  }

  /** What the heap lives in, for another `attach`. */
  get source(): MemorySource {
    return this.layers.memory.source;
  }
  get memoryKind(): MemoryKind {
    return this.layers.memory.kind;
  }

  /** The buffer as it is now; another object after each growth. */
  get buffer(): ArrayBufferLike {
    return this.layers.memory.buffer;
  }

  /**
   * As {@link alloc}, and where there is no memory reclaims, then sleeps until another thread frees some: GFP_KERNEL.
   * Those who wait are served in their order. Throws {@link OutOfMemoryError} at the timeout, and at once where no
   * other thread is there or the heap too small; the signal's reason; MUST_NOT_BLOCK where the thread may not sleep.
   */
  allocWait(sizeBytes: number, options: WaitOptions = {}): number {
    requireSize(sizeBytes);
    this.current();
    const attempt = (): number => this.#slowTryAlloc(sizeBytes, false);
    return this.#orThrow(this.#attachment.waits.waitForBlock(sizeBytes, attempt, options), sizeBytes);
  }

  /** As {@link allocWait}, without blocking: for a browser's main thread, and for waits on what this thread frees. */
  async allocAsync(sizeBytes: number, options: WaitOptions = {}): Promise<number> {
    requireSize(sizeBytes);
    this.current();
    const attempt = (): number => this.#slowTryAlloc(sizeBytes, false);
    return this.#orThrow(await this.#attachment.waits.waitAsync(sizeBytes, attempt, options), sizeBytes);
  }

  /**
   * Adds functions of this thread that give memory back when it is short; the result takes them away again. They run
   * within `alloc`, when all else has failed, and within any slow call while another thread waits.
   */
  addShrinker(shrinker: Shrinker): () => void {
    this.current();
    return this.#kmalloc.shrinkers.add(shrinker);
  }

  /**
   * Allocates `count` times `sizeBytes` and clears it. Throws as {@link alloc}, and BAD_SIZE when the product does not
   * fit in 32 bits. O(bytes). From C's calloc and the My Kernel page's kcalloc.
   */
  calloc(count: number, sizeBytes: number): number {
    return this.#family.takeCleared(count, sizeBytes) || this.#slowCalloc(count, sizeBytes);
  }

  #slowCalloc(count: number, sizeBytes: number): number {
    requireSize(count);
    requireSize(sizeBytes);
    const totalBytes = count * sizeBytes;
    requireSize(totalBytes);
    const address = this.alloc(totalBytes);
    const { memory, geometry } = this.current();
    clear(memory, geometry, address, totalBytes);
    return address;
  }

  /**
   * Gives the block at `address` a new size and returns where it is now: in place where it can stay, else a new block
   * with the old contents as far as they fit. `address` 0 allocates. Throws as {@link alloc} and {@link free} do; the
   * old block survives every failure. An alignment above 16 is not kept when the block moves. O(1) or O(bytes moved).
   */
  realloc(address: number, sizeBytes: number): number {
    return this.#family.resize(address, sizeBytes) || this.slowRealloc(address, sizeBytes);
  }

  protected slowRealloc(address: number, sizeBytes: number): number {
    requireSize(sizeBytes);
    if (address === 0) return this.alloc(sizeBytes);
    this.#requireLive(address);
    const usableBytes = this.#kmalloc.usableBytes(address);
    if (this.#kmalloc.resizeInPlace(address, sizeBytes, usableBytes)) return address;
    // A block that is to become smaller can always stay where it is.
    const moved = sizeBytes <= usableBytes ? this.tryAlloc(sizeBytes) : this.alloc(sizeBytes);
    if (moved === 0) return address;
    const { memory } = this.layers;
    // The new block may lie in what the memory has grown by meanwhile.
    memory.refresh();
    memory.reach(moved + sizeBytes);
    copyBytes(memory, moved, address, Math.min(usableBytes, sizeBytes));
    this.free(address);
    return moved;
  }

  /**
   * Allocates `sizeBytes` at a multiple of `alignmentBytes`, any power of two below 2^32. Throws as {@link alloc}, and
   * BAD_ALIGNMENT. Up to a page it costs what `alloc` does; beyond, the block is a run of pages.
   */
  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    const taken = this.#family.takeAligned(alignmentBytes, sizeBytes);
    if (taken !== 0) return taken;
    requireAlignment(alignmentBytes);
    requireSize(sizeBytes);
    this.current();
    if (sizeBytes <= MAX_CLASS_BYTES && alignmentBytes <= PAGE_SIZE) {
      const bytes = classBytes(this.#kmalloc.classFor(sizeBytes, alignmentBytes));
      return this.#orThrow(this.#fast.take(bytes) || this.#slowTryAlloc(bytes, false), sizeBytes);
    }
    return this.#orThrow(this.#kmalloc.allocateRun(sizeBytes, alignmentBytes, false), sizeBytes);
  }

  /** Bytes that the live block at `address` can hold, at least what was asked for. Throws INVALID_ADDRESS. O(1). */
  usableSize(address: number): number {
    this.#requireLive(address);
    return this.#kmalloc.usableBytes(address);
  }

  /** The block that an address lies in, live or free, or undefined where there is none. Any value is allowed. */
  blockAt(address: number): BlockInfo | undefined {
    return describeAddress(this.viewed(), address).block;
  }

  /** All live blocks in address order. Do not allocate or free while iterating. */
  blocks(): Generator<BlockInfo> {
    return liveBlocks(this.viewed());
  }

  /** Makes a cache of objects of one size; see {@link Cache}. Throws for a name in use or a size that cannot be. */
  createCache(options: CacheOptions): Cache {
    return Cache.create(this.cacheContext(), options);
  }

  /**
   * Opens a cache that there is already, by its name, and names the functions that this thread runs for its objects:
   * those that it was made with, or none, which does for all but making and releasing slabs. Throws BAD_ARGUMENT.
   */
  openCache(name: string, functions: BlockFunctions = {}): Cache {
    return Cache.open(this.cacheContext(), name, functions);
  }

  /** What a cache of this heap stands on. */
  protected cacheContext(): CacheContext {
    this.current();
    this.#slotCaches ??= new SlotCaches(this.pathContext());
    return { ...this.#attachment, slotCaches: this.#slotCaches };
  }

  /** Figures of every layer; the parts of `bytes` add up to the whole. O(pages). */
  stats(): HeapStats {
    return heapStats(this.viewed());
  }

  /** Bytes of memory in use by blocks, slabs, sheaves and the tables that describe them. O(1). */
  get footprintBytes(): number {
    return footprintBytes(this.viewed());
  }

  /** Empties this slot's caches and the barns, releases empty slabs; returns the pages set free. O(free blocks). */
  trim(): number {
    this.current();
    return this.#kmalloc.trim();
  }

  /** A copy of the memory for {@link load}, without empty pages and those that others have added to it. O(bytes). */
  dump(): Uint8Array<ArrayBuffer> {
    const { memory, geometry, pages } = this.viewed();
    const bytes = memory.bytes.subarray(0, pages.frames.endFrame * PAGE_SIZE);
    return writeDump(bytes, geometry.baseFrame * PAGE_SIZE, (page) => pages.frames.isForeign(page));
  }

  /**
   * A typed view of `length` elements at an address. It stays valid for as long as the block does; on memory that
   * grows and is not shared, only until the next growth. Throws INVALID_ADDRESS unless a block holds all of it.
   */
  view<View>(type: ViewType<View>, address: number, length: number): View {
    return blockView(this.current(), type, address, length);
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
    return this.#orThrow(this.#slowTryAlloc(sizeBytes, false), sizeBytes);
  }

  #orThrow(address: number, sizeBytes: number): number {
    if (address === 0) throw outOfMemory(this.layers.pages, sizeBytes);
    return address;
  }

  #slowTryAlloc(sizeBytes: number, fromReserve: boolean): number {
    requireSize(sizeBytes);
    this.current();
    if (sizeBytes > MAX_CLASS_BYTES) return this.#kmalloc.allocateRun(sizeBytes, 1, fromReserve);
    if (this.#rebindDetached()) {
      const address = this.#fast.take(sizeBytes);
      if (address !== 0) return address;
    }
    const kind = this.#kmalloc.kindFor(sizeBytes);
    for (;;) {
      const got = this.#kmalloc.refill(kind, fromReserve);
      if (got !== REFILLED) return got;
      this.#rebindDetached();
      const address = this.#fast.take(sizeBytes);
      // Another thread may close the sheaf at any instant; then it is filled again.
      if (address !== 0) return address;
    }
  }

  /** Frees what the fast path did not. Throws for what is no block. */
  protected slowFree(address: number): void {
    if (address === 0) return;
    this.current();
    this.#rebindDetached();
    while (this.#kmalloc.free(address) === "retry") {
      // The sheaf of a cache made by hand may lie in memory that was not there yet when the fast path was bound.
      if (!this.#fast.hasRoom(address)) this.#bind();
      // Another thread may close the sheaf at any instant; then its room is made again.
      if (!this.#fast.hasRoom(address)) continue;
      this.#fast.free(address);
      return;
    }
  }

  /** The layers, with views of the memory as it is now: another `Heap` or the memory's owner may have grown it. */
  protected seen(): Layers {
    if (this.#isDetached) throw detachedError(this.slot);
    const { memory, pages } = this.layers;
    if (memory.mayGrow) {
      memory.refresh();
      memory.reach(pages.frames.endFrame * PAGE_SIZE);
    }
    return this.layers;
  }

  /** As `viewed`, for whoever is to change something: the slot must still be this thread's. */
  protected current(): Layers {
    const layers = this.seen();
    requireHeld(layers.memory, layers.sync);
    return layers;
  }

  /** Makes the fast path anew when growth has detached its views; returns whether it had. */
  #rebindDetached(): boolean {
    this.layers.memory.refresh();
    if (!this.#fast.isDetached()) return false;
    this.#bind();
    return true;
  }

  #requireLive(address: number): void {
    this.current();
    if (!this.#kmalloc.isLive(address)) throw notLive(this.layers, address);
  }
}
