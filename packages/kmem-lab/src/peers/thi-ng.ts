import { MemPool } from "@thi.ng/malloc";
import { EngineHeap } from "kmem-cli/internal/contenders/engine-heap";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "kmem-cli/internal/contenders/heap-bytes";
import type { HeapPlan } from "kmem-cli/internal/replay/replay-heap";

const ALIGNMENT_BYTES = 16;
/** The header before each block, whose first word is the block's size with the header. */
const HEADER_BYTES = 8;
const WORD_BYTES = 4;
/** Where the pool keeps the end of all that it has ever used and not given back. */
const TOP_WORD = 2;

/** @thi.ng/malloc: lists of used and of free blocks, both searched from their beginning. */
export function createHeap({ peakLiveBytes }: Pick<HeapPlan, "peakLiveBytes">): ThingHeap {
  return new ThingHeap(heapBytes(peakLiveBytes * HEAP_BYTES_PER_LIVE_BYTE));
}

/** A MemPool as the heap of a replay. What it lacks (alignments, a size that is asked for) is made of what it has. */
export class ThingHeap extends EngineHeap {
  readonly #pool: MemPool;
  readonly #words: Uint32Array;

  constructor(sizeBytes: number) {
    const buffer = new ArrayBuffer(Math.min(sizeBytes, MAX_BYTES));
    super(buffer);
    this.#words = new Uint32Array(buffer);
    this.#pool = new MemPool({ buf: buffer, align: ALIGNMENT_BYTES });
  }

  /** Up to the end of the highest block. */
  get footprintBytes(): number {
    return this.#words[TOP_WORD]!;
  }

  /** It has no check of its own. */
  check(): { readonly findings: readonly never[] } {
    return { findings: [] };
  }

  protected take(sizeBytes: number): number {
    // It hands out no empty blocks, and rounds sizes as signed numbers.
    if (sizeBytes > MAX_BYTES) return 0;
    return this.#pool.malloc(Math.max(1, sizeBytes));
  }

  protected release(address: number): void {
    this.#pool.free(address);
  }

  protected capacity(address: number): number {
    return this.#words[(address - HEADER_BYTES) / WORD_BYTES]! - HEADER_BYTES;
  }
}

/** Its addresses are signed where it shifts them. */
const MAX_BYTES = 2 ** 31 - 65_536;
