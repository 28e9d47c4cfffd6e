import { type KmallocSlowPath, REFILLED, requireAlignment, requireSize } from "../kmalloc/kmalloc.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { Shrinker } from "../kmalloc/shrinkers.ts";
import { footprintBytes } from "../kmalloc/stats.ts";
import { clear } from "../memory/clear.ts";
import type { Registration } from "../memory/dispose.ts";
import { headerWord } from "../memory/header.ts";
import { Header, HeapFlag, PAGE_SIZE } from "../memory/layout.ts";
import type { MemoryKind, MemorySource } from "../memory/memory.ts";
import { outOfMemory } from "../pages/out-of-memory.ts";
import type { BlockFunctions } from "../slab/block-functions.ts";
import type { FastPathContext } from "../slab/fast-path.ts";
import { NO_FAST_VARIANTS } from "../slab/fast-variants.ts";
import { classBytes, MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { SlotCaches } from "../slab/slot-caches.ts";
import { detachedError, requireHeld } from "../sync/slot-sync.ts";
import { registerHeap, viewedLayers } from "./access.ts";
import type { Attachment } from "./attachment.ts";
import type { BlockCalls } from "./block-calls.ts";
import { blockView, elementBytes, noLiveBlock, type ViewType } from "./block-view.ts";
import { type BoundPath, bindPath, type SlowCalls } from "./bound-path.ts";
import { Cache, type CacheContext, type CacheOptions } from "./cache.ts";
import { heapText } from "./heap-text.ts";
import { resizeOrMove } from "./move-block.ts";
import { Pages } from "./pages.ts";
import { PathListeners } from "./path-listeners.ts";

/** Node and Bun call an object's method of this symbol to learn what `console.log` prints. */
const INSPECT = /* @__PURE__ */ Symbol.for("nodejs.util.inspect.custom");

/** What a heap of one thread and a heap shared by threads have in common: blocks, caches and pages. */
export abstract class BaseHeap {
  /**
   * Allocates `sizeBytes` (0 to 2^32 - 1) and returns the address of a block aligned to 16. Size 0 gets a block of its
   * own. The contents are undefined. Throws BAD_SIZE for an invalid size, and {@link OutOfMemoryError}, after it has
   * reclaimed the heap's cached free memory and run this thread's shrinkers; it frees no live block by itself. O(1);
   * the slow path fills a sheaf, and makes a slab where no slab has free blocks. From C's malloc and the kmalloc of all
   * five seed documents.
   */
  alloc!: (sizeBytes: number) => number;
  /** As {@link alloc}, but returns 0 where there is no memory, and may use the reserve below the lowest watermark. */
  tryAlloc!: (sizeBytes: number) => number;
  /**
   * Frees the live block that starts at `address`; 0 does nothing. Throws DOUBLE_FREE or INVALID_FREE, with the heap
   * unchanged, for every other value; the error says what is known of the address. O(1).
   */
  free!: (address: number) => void;
  /** The heap's page allocator. */
  readonly pages: Pages;
  readonly #attachment: Attachment;
  readonly #kmalloc: KmallocSlowPath;
  #slotCaches: SlotCaches | undefined;
  #path!: BoundPath;
  readonly #listeners = new PathListeners(() => (this.usesFastPath() ? this.pathContext() : undefined));
  #isDetached = false;

  /** @internal */
  protected constructor(attachment: Attachment, isLocal = false) {
    this.#attachment = attachment;
    this.#kmalloc = attachment.kmalloc;
    this.pages = new Pages(() => this.current(), attachment.kmalloc, attachment.waits);
    Object.defineProperty(this, INSPECT, { value: () => this.toString() });
    const { subscribe } = this.#listeners;
    registerHeap(this, { attachment, isLocal, seen: () => this.seen(), current: () => this.current(), subscribe });
    this.#bind();
  }

  get #layers(): Layers {
    return this.#attachment.layers;
  }

  /**
   * Makes the functions of the fast path, or gives those of memory that grows its views as they are now. They stay
   * correct when shared memory grows: the tables lie below the initial end. Remote sheaves and those of named caches
   * may lie beyond these views; they then count as full, and slowFree binds again. Growth of memory that is not shared
   * invalidates them: see #rebindIfStale.
   */
  #bind(): void {
    const slowCalls: SlowCalls = {
      alloc: (sizeBytes) => this.#slowAlloc(sizeBytes),
      free: (address) => this.slowFree(address),
      tryAlloc: (sizeBytes) => this.slowTryAlloc(sizeBytes, true),
    };
    const former = this.#path;
    this.#path = bindPath(this.pathContext(), slowCalls, former);
    // Whoever has wrapped the functions keeps them wrapped where they are the same.
    if (this.#path.calls === former?.calls) this.rebound();
    else this.publish(this.#path.calls);
    this.#listeners.notify();
  }

  /** Installs the functions as the heap's methods. Heaps with further checks override this and wrap them. @internal */
  protected publish({ alloc, free, tryAlloc }: BlockCalls): void {
    this.alloc = alloc;
    this.free = free;
    this.tryAlloc = tryAlloc;
  }

  /** Called when the functions have stayed the same, and the memory has grown. @internal */
  protected rebound(): void {}

  /** Whether alloc and free are the fast path's own functions, with nothing wrapped around them. @internal */
  protected usesFastPath(): boolean {
    return this.alloc === this.#path.fast.alloc && this.free === this.#path.fast.free;
  }

  /** The objects that a fast path of this heap is bound to. @internal */
  protected pathContext(): FastPathContext {
    const { memory, geometry, sheaves, slot } = this.#layers;
    const hasExactFrees = (memory.words[headerWord(geometry, Header.FLAGS)] & HeapFlag.EXACT_FREES) !== 0;
    return { memory, geometry, areaWord: sheaves.areaWord, slot, hasExactFrees };
  }

  /**
   * Releases the slot and returns all that its caches hold; blocks stay as they are. Every later call on this object
   * throws DETACHED. Do not keep `alloc` and `free` after it: another thread may soon take the slot. Throws
   * MUST_NOT_BLOCK within a function that a call of the heap has called. O(free blocks held).
   */
  detach(): void {
    this.requireLeavable();
    this.#isDetached = true;
    this.#path = { ...this.#path, variants: NO_FAST_VARIANTS };
    const refuse = (): never => {
      throw detachedError(this.#layers.slot);
    };
    this.alloc = this.free = this.tryAlloc = refuse;
    this.#listeners.notify();
    this.leave(this.#attachment);
  }

  /** Throws DETACHED, and MUST_NOT_BLOCK where a call of this thread still needs the slot. @internal */
  protected requireLeavable(): void {
    const { slabs } = this.current();
    if (this.#attachment.users === 1) slabs.functions.userCalls.requireNone("detach a heap");
  }

  /** As {@link detach}, but idempotent: for `using heap = …`, and a finally block. */
  dispose(): void {
    if (!this.#isDetached) this.detach();
  }

  /** As `dispose`, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Describes the heap in one line: where it lies, and how much of it is in use. */
  toString(): string {
    return heapText(this, this.#layers, this.#isDetached);
  }

  /** Releases the thread's resources in the heap. @internal */
  protected abstract leave(attachment: Attachment): void;

  /** The memory that contains the heap, for another `attach`. */
  get source(): MemorySource {
    return this.#layers.memory.source;
  }

  /** Which kind of memory the heap lives in. */
  get memoryKind(): MemoryKind {
    return this.#layers.memory.kind;
  }

  /** The current buffer; another object after each growth. */
  get buffer(): ArrayBufferLike {
    return this.#layers.memory.buffer;
  }

  /**
   * Registers a shrinker of this thread, which frees memory when it is short; a call of the result, or of its
   * `dispose`, removes it again. Shrinkers run within `alloc` after all else has failed, and under
   * pressure (few free pages, or a thread that waits for memory) within any slow call.
   */
  addShrinker(shrinker: Shrinker): Registration {
    this.current();
    return this.#kmalloc.shrinkers.add(shrinker);
  }

  /**
   * Allocates `count` times `sizeBytes` and clears it. Throws as {@link alloc}, and BAD_SIZE when the product does not
   * fit in 32 bits. O(bytes). From C's calloc and the My Kernel page's kcalloc.
   */
  calloc(count: number, sizeBytes: number): number {
    return this.#path.variants.takeCleared(count, sizeBytes) || this.#slowCalloc(count, sizeBytes);
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
   * Resizes the block at `address` and returns its address: in place if possible, else a new block with the old
   * contents as far as they fit. `address` 0 allocates. Throws as {@link alloc}, and INVALID_ADDRESS; the old block
   * survives every failure. An alignment above 16 is not kept when the block moves. O(1) or O(bytes moved).
   */
  realloc(address: number, sizeBytes: number): number {
    return this.#path.variants.resize(address, sizeBytes) || this.slowRealloc(address, sizeBytes);
  }

  /** @internal */
  protected slowRealloc(address: number, sizeBytes: number): number {
    requireSize(sizeBytes);
    if (address === 0) return this.alloc(sizeBytes);
    this.#requireLive(address);
    return resizeOrMove(this, this.#layers.memory, this.#kmalloc, address, sizeBytes);
  }

  /**
   * Allocates `sizeBytes` at a multiple of `alignmentBytes`, any power of two below 2^32. Throws as {@link alloc}, and
   * BAD_ALIGNMENT. Up to a page it costs as much as `alloc`; for larger alignments the block is a run of pages.
   */
  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    const taken = this.#path.variants.takeAligned(alignmentBytes, sizeBytes);
    if (taken !== 0) return taken;
    requireAlignment(alignmentBytes);
    requireSize(sizeBytes);
    this.current();
    if (sizeBytes <= MAX_CLASS_BYTES && alignmentBytes <= PAGE_SIZE) {
      const bytes = classBytes(this.#kmalloc.classFor(sizeBytes, alignmentBytes));
      return this.orThrow(this.#path.fast.take(bytes) || this.slowTryAlloc(bytes, false), sizeBytes);
    }
    return this.orThrow(this.#kmalloc.allocateRun(sizeBytes, alignmentBytes, false), sizeBytes);
  }

  /** Bytes that the live block at `address` can hold, at least the requested size. Throws INVALID_ADDRESS. O(1). */
  usableSize(address: number): number {
    this.#requireLive(address);
    return this.#kmalloc.usableBytes(address);
  }

  /** Makes a cache of objects of one size; see {@link Cache}. Throws for a name in use or an invalid size. */
  createCache(options: CacheOptions): Cache {
    return Cache.create(this.cacheContext(), options);
  }

  /**
   * Opens an existing cache by its name. `functions` are the constructor and destructor that it was made with: without
   * them this thread can allocate and free objects, but not make or release slabs. Throws BAD_ARGUMENT.
   */
  openCache(name: string, functions: BlockFunctions = {}): Cache {
    return Cache.open(this.cacheContext(), name, functions);
  }

  /**
   * What a cache of this heap depends on.
   *
   * @internal
   */
  protected cacheContext(): CacheContext {
    this.current();
    this.#slotCaches ??= new SlotCaches(this.pathContext());
    return { ...this.#attachment, slotCaches: this.#slotCaches };
  }

  /** Bytes of memory in use by blocks, slabs, sheaves and the tables that describe them. O(1). */
  get footprintBytes(): number {
    return footprintBytes(viewedLayers(this));
  }

  /** Drains this slot's caches and all barns, and releases empty slabs; returns the pages freed. O(free blocks). */
  trim(): number {
    this.current();
    return this.#kmalloc.trim();
  }

  /**
   * A typed view of `length` elements at an address, of any class of typed arrays; without a length, of a whole block.
   * It is valid as long as the block is live; on memory that grows and is not shared, only until the next growth.
   * Throws INVALID_ADDRESS unless one block contains all of it.
   */
  view<View>(type: ViewType<View>, address: number, length: number = this.#elementCount(type, address)): View {
    return this.viewAt(type, address, length);
  }

  /**
   * A view whose bounds are verified: every public view method ends here.
   *
   * @internal
   */
  protected viewAt<View>(type: ViewType<View>, address: number, length: number): View {
    return blockView(this.current(), type, address, length);
  }

  /** Elements that fit into the block at an address. */
  #elementCount(type: ViewType<unknown>, address: number): number {
    return Math.floor(this.usableSize(address) / elementBytes(type));
  }

  /** The bytes of a live block: all that it can hold unless `length` says fewer. */
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
    return this.orThrow(this.slowTryAlloc(sizeBytes, false), sizeBytes);
  }

  /**
   * Returns the address; for 0 throws the error that says how much memory there is.
   *
   * @internal
   */
  protected orThrow(address: number, sizeBytes: number): number {
    if (address === 0) throw outOfMemory(this.#layers.pages, sizeBytes);
    return address;
  }

  /**
   * Allocates what the fast path does not serve; 0 if there is no memory, even after reclaiming.
   *
   * @internal
   */
  protected slowTryAlloc(sizeBytes: number, fromReserve: boolean): number {
    requireSize(sizeBytes);
    this.current();
    if (sizeBytes > MAX_CLASS_BYTES) return this.#kmalloc.allocateRun(sizeBytes, 1, fromReserve);
    if (this.#rebindIfStale()) {
      const address = this.#path.fast.take(sizeBytes);
      if (address !== 0) return address;
    }
    const kind = this.#kmalloc.kindFor(sizeBytes);
    for (;;) {
      const got = this.#kmalloc.refill(kind, fromReserve);
      if (got !== REFILLED) return got;
      this.#rebindIfStale();
      const address = this.#path.fast.take(sizeBytes);
      // Another thread may close the sheaf at any instant; then the loop refills it.
      if (address !== 0) return address;
    }
  }

  /**
   * Frees what the fast path does not serve. Throws for what is not a block.
   *
   * @internal
   */
  protected slowFree(address: number): void {
    if (address === 0) return;
    this.current();
    this.#rebindIfStale();
    while (this.#kmalloc.free(address) === "retry") {
      // The sheaf of a named cache may lie in memory that was added after the fast path was bound.
      if (!this.#path.fast.hasRoom(address)) this.#bind();
      // Another thread may close the sheaf at any instant; then the loop makes room again.
      if (!this.#path.fast.hasRoom(address)) continue;
      this.#path.fast.free(address);
      return;
    }
  }

  /**
   * The layers, with up-to-date views: another `Heap` or the memory's owner may have grown the memory.
   *
   * @internal
   */
  protected seen(): Layers {
    if (this.#isDetached) throw detachedError(this.#layers.slot);
    const { memory, pages } = this.#layers;
    if (memory.mayGrow) {
      memory.refresh();
      pages.frames.follow();
      memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
    }
    return this.#layers;
  }

  /**
   * As {@link seen}, for changes: throws unless the slot is still this thread's.
   *
   * @internal
   */
  protected current(): Layers {
    const layers = this.seen();
    requireHeld(layers.memory, layers.sync);
    return layers;
  }

  /** Rebinds the fast path if growth has detached its views; returns whether it had. */
  #rebindIfStale(): boolean {
    this.#layers.memory.refresh();
    if (!this.#path.fast.isStale()) return false;
    this.#bind();
    return true;
  }

  #requireLive(address: number): void {
    this.current();
    if (!this.#kmalloc.isLive(address)) throw noLiveBlock(this.#layers, address);
  }
}
