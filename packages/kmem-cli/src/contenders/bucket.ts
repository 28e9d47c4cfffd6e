import { Heap } from "kmem";
import { type MyKernel, mykernel } from "kmem/mykernel";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";
import { type EngineCheck, EngineHeap, MIN_ALIGNMENT_BYTES } from "./engine-heap.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";

/** The buckets of the My Kernel page, over the page allocator of a heap that does nothing else. */
export function createHeap(plan: HeapPlan): BucketsHeap {
  const { peakLiveBytes, peakLiveBlockCount } = plan;
  const leastBytes = peakLiveBytes + peakLiveBlockCount * MIN_ALIGNMENT_BYTES;
  return new BucketsHeap(heapBytes(leastBytes * HEAP_BYTES_PER_LIVE_BYTE, plan));
}

/** Buckets as the heap of a replay. */
export class BucketsHeap extends EngineHeap {
  readonly #kernel: MyKernel;

  constructor(sizeBytes: number) {
    const heap = Heap.create({ sizeBytes });
    super(heap.buffer);
    // The kernel prints what it refuses; want of memory it does not mention.
    this.#kernel = mykernel(heap, {
      print: (message) => {
        throw new Error(message);
      },
    });
  }

  /** The buckets with their metadata, the engine's page, and what the heap below needs for them. */
  get footprintBytes(): number {
    return this.#kernel.heap.footprintBytes;
  }

  check(): EngineCheck {
    return this.#kernel.check();
  }

  override trim(): number {
    return this.#kernel.heap.trim();
  }

  /** Blocks are aligned to their size, so that none smaller than 16 will do; and none of 0 bytes exists. */
  protected take(sizeBytes: number): number {
    return this.#kernel.kmalloc(Math.max(sizeBytes, MIN_ALIGNMENT_BYTES), this.#kernel.KMALLOC_DEFAULT);
  }

  protected override takeAligned(alignmentBytes: number, sizeBytes: number): number {
    if (alignmentBytes > PAGE_BYTES) return super.takeAligned(alignmentBytes, sizeBytes);
    return this.take(Math.max(alignmentBytes, sizeBytes));
  }

  protected release(address: number): void {
    this.#kernel.kfree(address);
  }

  protected capacity(address: number): number {
    return this.#kernel.ksize(address);
  }
}
