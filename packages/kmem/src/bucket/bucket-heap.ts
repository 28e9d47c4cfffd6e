import { isUint32 } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { clear } from "../memory/clear.ts";
import { hex } from "../memory/errors.ts";
import { GRANULE, Header, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import { type EngineContext, EngineLock } from "../pages/engine-lock.ts";
import { NO_FRAME, OwnerMark } from "../pages/layout.ts";
import { Buckets } from "./bucket.ts";
import { type BucketFinding, checkBuckets } from "./check.ts";
import { BUCKET_MAX_SHIFT, BUCKET_RUN, BucketWord, LISTS_PER_POOL, STATE_MAGIC, StateWord } from "./layout.ts";
import { repairBuckets } from "./repair.ts";
import { findState, markedRuns, markOf, setMark, stateWord } from "./runs.ts";
import { type BucketShape, blockShiftFor, bucketShapes } from "./shape.ts";

/** log2 of the bytes of a double. */
const DOUBLE_SHIFT = 3;

/**
 * What lies at an address. "live" and "free": a block starts there. "inside": it is in a bucket, and no block starts
 * there. "dma": it is in a buffer for DMA. "foreign": none of these.
 */
export type PlaceState = "live" | "free" | "inside" | "dma" | "foreign";

/** An address, looked up. `frame` is the first of its bucket or buffer, `index` the number of its block. */
interface Place {
  readonly state: PlaceState;
  readonly frame: number;
  readonly index: number;
}

/** A live block. */
export interface BucketBlock {
  readonly address: number;
  readonly usableBytes: number;
  readonly pool: number;
}

/** Figures of the engine, from its own page. */
export interface BucketStats {
  /** Buckets that there are: pages cut into blocks of one size. */
  readonly buckets: number;
  /** Live blocks in all of them. */
  readonly liveBlocks: number;
  /** Live buffers of `kmalloc_dma`. */
  readonly dmaBuffers: number;
  /** Pages in those buffers. */
  readonly dmaPages: number;
}

const FOREIGN: Place = { state: "foreign", frame: NO_FRAME, index: -1 };

/**
 * The bucket allocator of the My Kernel page: each size, a power of two, has buckets of its own, and a bucket goes back
 * to the page allocator with its last block. All state is in the buffer; any number of threads work on it, each through
 * an object of its own. One lock is around each operation, and nobody is called back under it. Where a thread dies in
 * an operation, that is done or it is not, and all others go on; a block that the thread was just given stays live,
 * since blocks of buckets have no owner.
 */
export class BucketHeap {
  readonly #context: EngineContext;
  readonly #shapes: readonly BucketShape[] = bucketShapes();
  readonly #buckets: Buckets;
  readonly #stateFrame: number;
  readonly #lock: EngineLock;
  readonly #onDamage: (problem: string) => void;
  /** Damage that the allocation under way has met, to be told when the lock is free again. */
  #damage: string | undefined;

  private constructor(
    context: EngineContext,
    lock: EngineLock,
    stateFrame: number,
    onDamage: (problem: string) => void,
  ) {
    this.#context = context;
    this.#lock = lock;
    this.#stateFrame = stateFrame;
    this.#onDamage = onDamage;
    this.#buckets = new Buckets(context.memory, this.#shapes);
  }

  /**
   * Opens the engine of this memory, or makes it: it takes one page. Undefined, with nothing changed, where there is
   * none left. `onDamage` hears of metadata that somebody has overwritten, when an allocation meets it. Of threads that
   * come at once one makes the engine. O(frames).
   */
  static open(context: EngineContext, onDamage: (problem: string) => void): BucketHeap | undefined {
    const lock = new EngineLock(context, Header.BUCKET_LOCK, repairBuckets);
    return lock.within(() => {
      const found = findState(context);
      const frame = found === NO_FRAME ? createState(context) : found;
      return frame === NO_FRAME ? undefined : new BucketHeap(context, lock, frame, onDamage);
    });
  }

  /**
   * A block for `sizeBytes` (a whole number from 1) out of the buckets of `pool` (0 or 1) with the smallest blocks that
   * fit, aligned to its size up to a page; 0 when there is no memory. O(1); O(blocks of a bucket) when one is made.
   */
  alloc(sizeBytes: number, pool: number): number {
    const shift = blockShiftFor(sizeBytes);
    if (shift > BUCKET_MAX_SHIFT) return 0;
    let address = 0;
    this.#lock.acquire();
    try {
      address = this.#take(shift, pool);
    } finally {
      this.#lock.release();
    }
    if (this.#damage !== undefined) this.#tellDamage(address);
    return address;
  }

  /** Frees the live block that starts at `address`. For every other value it changes nothing and says what is there. */
  free(address: number): PlaceState {
    this.#lock.acquire();
    try {
      return this.#put(address);
    } finally {
      this.#lock.release();
    }
  }

  #take(shift: number, pool: number): number {
    const list = StateWord.HEADS + pool * LISTS_PER_POOL + shift;
    if (ASSERTIONS) this.#lock.assertHeld();
    let frame = this.#state(list);
    if (frame === NO_FRAME) frame = this.#create(this.#shapes[shift], pool);
    if (frame === NO_FRAME) return 0;
    if (!this.#isBucketOf(frame, shift)) {
      this.#damage = `a list of buckets names ${hex(frame * PAGE_SIZE)}, which is no bucket of ${2 ** shift} bytes`;
      return 0;
    }
    const address = this.#buckets.pop(frame) || this.#popRelinked(frame);
    if (address === 0) return 0;
    if (this.#buckets.liveCount(frame) === this.#shapes[shift].blockCount) this.#unlist(frame);
    this.#count(StateWord.LIVE_BLOCKS, 1);
    return address;
  }

  #put(address: number): PlaceState {
    const { state, frame, index } = this.#locate(address);
    if (ASSERTIONS) this.#lock.assertHeld();
    if (state !== "live") return state;
    const { blockCount } = this.#buckets.shape(frame);
    const liveCount = this.#buckets.liveCount(frame);
    this.#count(StateWord.LIVE_BLOCKS, -1);
    if (liveCount === 1) {
      if (blockCount > 1) this.#unlist(frame);
      this.#count(StateWord.BUCKETS, -1);
      this.#release(frame);
      return state;
    }
    this.#buckets.push(frame, index);
    if (liveCount === blockCount) this.#list(frame);
    return state;
  }

  /** What lies at an address; any value is allowed. O(1), for a block of many pages O(pages). Reads only. */
  stateAt(address: number): PlaceState {
    return this.#lock.within(() => this.#locate(address).state);
  }

  /** The live block that starts at `address`, or undefined. */
  blockAt(address: number): BucketBlock | undefined {
    return this.#lock.within(() => {
      const { state, frame } = this.#locate(address);
      if (state !== "live") return undefined;
      return { address, usableBytes: this.#buckets.shape(frame).blockBytes, pool: this.#buckets.pool(frame) };
    });
  }

  /**
   * Clears the first `sizeBytes` of a live block, and what completes their last granule. O(bytes). Without the lock:
   * the shape of a bucket stands as long as one of its blocks is live.
   */
  clear(address: number, sizeBytes: number): void {
    const { memory, geometry } = this.#context;
    if (this.#buckets.shape(this.#locate(address).frame).blockBytes >= GRANULE) {
      clear(memory, geometry, address, sizeBytes);
    } else memory.doubles[address >>> DOUBLE_SHIFT] = 0;
  }

  /**
   * Neighbouring pages for `sizeBytes` (a whole number from 1), from the DMA zone where the heap has one; 0 when there
   * is no such stretch. O(orders); O(pages) when only neighbouring free blocks together serve.
   */
  allocDma(sizeBytes: number): number {
    const { pages, geometry } = this.#context;
    const count = Math.ceil(sizeBytes / PAGE_SIZE);
    return this.#lock.within(() => {
      const frame = pages.allocate(count, BUCKET_RUN, { dma: geometry.dmaFrames > 0 });
      if (frame === NO_FRAME) return 0;
      setMark(this.#context, frame, OwnerMark.DMA_BUFFER);
      this.#count(StateWord.DMA_BUFFERS, 1);
      this.#count(StateWord.DMA_PAGES, count);
      return frame * PAGE_SIZE;
    });
  }

  /** Frees the buffer that starts at `address`; false, with nothing changed, where none does. O(pages). */
  freeDma(address: number): boolean {
    return this.#lock.within(() => {
      const { state, frame } = this.#locate(address);
      if (state !== "dma" || frame * PAGE_SIZE !== address) return false;
      this.#count(StateWord.DMA_BUFFERS, -1);
      this.#count(StateWord.DMA_PAGES, -this.#context.pages.frames.count(frame));
      this.#release(frame);
      return true;
    });
  }

  /** All blocks that are live now, in address order. O(frames + blocks). */
  blocks(): BucketBlock[] {
    return this.#lock.within(() => [...this.#liveBlocks()]);
  }

  *#liveBlocks(): Generator<BucketBlock> {
    for (const frame of markedRuns(this.#context, OwnerMark.BUCKET)) {
      const shape = this.#buckets.shape(frame);
      if (shape === undefined) continue;
      const pool = this.#buckets.pool(frame);
      for (let index = 0; index < shape.blockCount; index++) {
        if (!this.#buckets.isLive(frame, index)) continue;
        yield { address: this.#buckets.address(frame, shape, index), usableBytes: shape.blockBytes, pool };
      }
    }
  }

  stats(): BucketStats {
    return this.#lock.within(() => ({
      buckets: this.#state(StateWord.BUCKETS),
      liveBlocks: this.#state(StateWord.LIVE_BLOCKS),
      dmaBuffers: this.#state(StateWord.DMA_BUFFERS),
      dmaPages: this.#state(StateWord.DMA_PAGES),
    }));
  }

  /**
   * Verifies every invariant of the buckets while all other threads are at rest; reads only, ends on any bytes, also
   * where the lock is damaged. O(frames + blocks).
   */
  check(): BucketFinding[] {
    this.#lock.refreshViews();
    return checkBuckets({
      ...this.#context,
      buckets: this.#buckets,
      shapes: this.#shapes,
      stateFrame: this.#stateFrame,
      runs: (mark) => markedRuns(this.#context, mark),
    });
  }

  /** Looks an address up in the frame table first; the bytes of a block are never asked. */
  #locate(address: number): Place {
    if (!isUint32(address)) return FOREIGN;
    const { frames } = this.#context.pages;
    const addressFrame = address >>> PAGE_SHIFT;
    const kind = frames.kind(addressFrame);
    if (kind !== BUCKET_RUN && kind !== BUCKET_RUN + 1) return FOREIGN;
    const frame = frames.headOfRun(addressFrame, BUCKET_RUN);
    const mark = markOf(this.#context, frame);
    if (mark === OwnerMark.DMA_BUFFER) return { state: "dma", frame, index: -1 };
    if (mark !== OwnerMark.BUCKET) return FOREIGN;
    const shape = this.#buckets.shape(frame);
    // A write past the end of the bucket before this one may have hit the metadata; then no block can be told.
    if (shape?.pageCount !== frames.count(frame)) return FOREIGN;
    const index = this.#buckets.indexOf(frame, shape, address);
    if (index < 0) return { state: "inside", frame, index };
    return { state: this.#buckets.isLive(frame, index) ? "live" : "free", frame, index };
  }

  /** Pops from a bucket whose free list was overwritten, and has been rebuilt from the bitmap. */
  #popRelinked(frame: number): number {
    this.#buckets.relink(frame);
    this.#damage = `the freelist of the bucket at ${hex(frame * PAGE_SIZE)} was overwritten and has been rebuilt`;
    return this.#buckets.pop(frame);
  }

  /** Tells of damage that an allocation met; a listener that throws gets no block. */
  #tellDamage(address: number): void {
    const problem = this.#damage as string;
    this.#damage = undefined;
    let isTold = false;
    try {
      this.#onDamage(problem);
      isTold = true;
    } finally {
      if (!isTold && address !== 0) this.free(address);
    }
  }

  #isBucketOf(frame: number, shift: number): boolean {
    if (this.#context.pages.frames.kind(frame) !== BUCKET_RUN) return false;
    return markOf(this.#context, frame) === OwnerMark.BUCKET && this.#buckets.shape(frame) === this.#shapes[shift];
  }

  #create(shape: BucketShape, pool: number): number {
    const frame = this.#context.pages.allocate(shape.pageCount, BUCKET_RUN);
    if (frame === NO_FRAME) return NO_FRAME;
    if (ASSERTIONS) assert(markOf(this.#context, frame) < OwnerMark.BUCKET, `the run at page ${frame} has no mark yet`);
    this.#buckets.format(frame, shape, pool);
    setMark(this.#context, frame, OwnerMark.BUCKET);
    this.#list(frame);
    this.#count(StateWord.BUCKETS, 1);
    return frame;
  }

  #release(frame: number): void {
    const { pages } = this.#context;
    if (ASSERTIONS) {
      this.#lock.assertHeld();
      assert(
        pages.frames.kind(frame) === BUCKET_RUN,
        `the run at page ${frame} that is given back is a bucket or buffer`,
      );
    }
    pages.freeExclusive(frame, pages.frames.count(frame));
  }

  #listWord(frame: number): number {
    return StateWord.HEADS + this.#buckets.pool(frame) * LISTS_PER_POOL + this.#buckets.shape(frame).shift;
  }

  #list(frame: number): void {
    const word = this.#listWord(frame);
    const next = this.#state(word);
    if (ASSERTIONS) {
      this.#lock.assertHeld();
      assert(next !== frame, `the bucket at page ${frame} is in no list yet`);
    }
    this.#buckets.set(frame, BucketWord.NEXT, next);
    this.#buckets.set(frame, BucketWord.PREV, NO_FRAME);
    if (next !== NO_FRAME) this.#buckets.set(next, BucketWord.PREV, frame);
    this.#setState(word, frame);
  }

  #unlist(frame: number): void {
    const next = this.#buckets.get(frame, BucketWord.NEXT);
    const previous = this.#buckets.get(frame, BucketWord.PREV);
    if (previous === NO_FRAME) this.#setState(this.#listWord(frame), next);
    else this.#buckets.set(previous, BucketWord.NEXT, next);
    if (next !== NO_FRAME) this.#buckets.set(next, BucketWord.PREV, previous);
  }

  #state(field: number): number {
    return this.#context.memory.words[stateWord(this.#stateFrame) + field];
  }

  #setState(field: number, value: number): void {
    this.#context.memory.words[stateWord(this.#stateFrame) + field] = value;
  }

  #count(field: number, by: number): void {
    this.#setState(field, this.#state(field) + by);
  }
}

/** Whether an address can be the first byte of a page. */
export function isPageAddress(address: number): boolean {
  return isUint32(address) && (address & PAGE_MASK) === 0;
}

/** Makes the engine's own page; NO_FRAME where there is none left. */
function createState(context: EngineContext): number {
  const { memory, pages } = context;
  const frame = pages.allocate(1, BUCKET_RUN);
  if (frame === NO_FRAME) return NO_FRAME;
  const word = stateWord(frame);
  memory.words.fill(0, word, word + (PAGE_SIZE >>> WORD_SHIFT));
  memory.words[word + StateWord.MAGIC] = STATE_MAGIC;
  setMark(context, frame, OwnerMark.BUCKET_STATE);
  return frame;
}
