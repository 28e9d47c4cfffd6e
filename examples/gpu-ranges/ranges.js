// Ranges of a GPU buffer. The GPU's bytes are not ours to write to, so a heap of the same size lies beside them, as
// their shadow: an address in the heap, less where its tables end, is an offset into the buffer. kmem writes nothing into
// blocks, and pages that nobody writes to take no memory: the shadow costs its tables, a fifteenth of its size at most.
//
// What is freed may still be read by frames that the GPU has not finished, so ranges go back when their frame is done.
import { Heap, heapStats, OutOfMemoryError } from "kmem";

/** What WebGPU wants of offsets of uniform buffers. */
const UNIFORM_ALIGNMENT = 256;

export class GpuRanges {
  #heap;
  #base;
  #waiting = [];

  /** The bytes that the GPU's buffer must have. */
  bufferBytes;

  constructor(shadowBytes) {
    this.#heap = Heap.create({ sizeBytes: shadowBytes });
    const { metadataBytes, slotBytes } = heapStats(this.#heap).bytes;
    this.#base = metadataBytes + slotBytes; // the first byte that is ever handed out
    this.bufferBytes = shadowBytes - this.#base;
  }

  /** Where a range of so many bytes begins in the buffer; undefined where there is no room. */
  alloc(sizeBytes, alignmentBytes = UNIFORM_ALIGNMENT) {
    try {
      return this.#heap.alignedAlloc(alignmentBytes, sizeBytes) - this.#base;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return undefined;
      throw error;
    }
  }

  /** Frees a range once the GPU has finished a frame. */
  freeAfter(frame, offset) {
    this.#waiting.push({ frame, offset });
  }

  /** The GPU has finished this frame and all before it: call it from `queue.onSubmittedWorkDone()`. */
  finished(frame) {
    const [done, waiting] = [[], []];
    for (const one of this.#waiting) (one.frame <= frame ? done : waiting).push(one);
    for (const { offset } of done) this.#heap.free(offset + this.#base);
    this.#waiting = waiting;
  }

  /** Bytes in free pages, and ranges that are in use or wait for their frame. */
  get stats() {
    const { bytes, liveBlocks } = heapStats(this.#heap);
    return { freeBytes: bytes.freePageBytes, liveRanges: liveBlocks };
  }
}
