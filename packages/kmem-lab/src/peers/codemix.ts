import { createRequire } from "node:module";
import { EngineHeap, MIN_ALIGNMENT_BYTES } from "kmem-cli/internal/contenders/engine-heap";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "kmem-cli/internal/contenders/heap-bytes";
import type { HeapPlan } from "kmem-cli/internal/replay/replay-heap";

/** What is called of the package, which has no types. */
interface Allocator {
  alloc(sizeBytes: number): number;
  free(address: number): void;
  sizeOf(address: number): number;
}

/** What its blocks are aligned to. */
const ALIGNMENT_BYTES = 8;
/** Its addresses are signed numbers. */
const MAX_BYTES = 2 ** 31 - 65_536;

/** The package `malloc` of codemix: free blocks in a skip list by size. */
export function createHeap({ peakLiveBytes }: Pick<HeapPlan, "peakLiveBytes">): CodemixHeap {
  return new CodemixHeap(heapBytes(peakLiveBytes * HEAP_BYTES_PER_LIVE_BYTE));
}

/** An Allocator as the heap of a replay. What it lacks (realloc, alignments) is made of what it has. */
export class CodemixHeap extends EngineHeap {
  readonly #allocator: Allocator;
  #highestEnd = 0;

  constructor(sizeBytes: number) {
    const buffer = new ArrayBuffer(Math.min(sizeBytes, MAX_BYTES));
    super(buffer);
    const load = createRequire(import.meta.url);
    const Allocator = load("malloc") as new (buffer: ArrayBuffer) => Allocator;
    this.#allocator = new Allocator(buffer);
  }

  /** Up to the end of the highest block whose size anybody asked for, as the account does of each. */
  get footprintBytes(): number {
    return this.#highestEnd;
  }

  /** It has no check of its own that is quick enough. */
  check(): { readonly findings: readonly never[] } {
    return { findings: [] };
  }

  protected take(sizeBytes: number): number {
    // It throws an error of its own at these.
    return sizeBytes > this.buffer.byteLength - ALIGNMENT_BYTES ? 0 : this.#allocator.alloc(sizeBytes);
  }

  protected release(address: number): void {
    this.#allocator.free(address);
  }

  protected capacity(address: number): number {
    const bytes = this.#allocator.sizeOf(address);
    if (address + bytes > this.#highestEnd) this.#highestEnd = address + bytes;
    return bytes;
  }

  /** The base reckons with blocks at multiples of 16; these are at multiples of 8, so one more of those is taken. */
  protected override takeAligned(alignmentBytes: number, sizeBytes: number): number {
    if (alignmentBytes <= ALIGNMENT_BYTES) return this.take(sizeBytes);
    return super.takeAligned(Math.max(alignmentBytes, 2 * MIN_ALIGNMENT_BYTES), sizeBytes + ALIGNMENT_BYTES);
  }
}
