import { type Giet, giet, MIN_BLOCK_SIZE, VOBJ_TYPE_HEAP } from "kmem/giet";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { type EngineCheck, EngineHeap } from "./engine-heap.ts";

const MIN_HEAP_BYTES = 2 ** 26;
/** A workload that needs more sees allocations fail. */
const MAX_HEAP_BYTES = 2 ** 30;
/** A power of two is less than twice of what was asked for. */
const BLOCK_BYTES_PER_ASKED_BYTE = 2;
/** Bytes of an entry of kernel_heap. */
const DESCRIPTOR_BYTES = 256;

/**
 * The kernel heap of the GIET-VM page in a machine of one cluster. It has no free, so there is room for all that the
 * workload ever asks for, as far as that is possible.
 */
export function createHeap({ requestedBytes, opCount }: HeapPlan): ClusterReplayHeap {
  const neededBytes = requestedBytes * BLOCK_BYTES_PER_ASKED_BYTE + opCount * MIN_BLOCK_SIZE;
  const wholeBytes = 2 ** Math.ceil(Math.log2(Math.max(1, neededBytes)));
  return new ClusterReplayHeap(Math.min(MAX_HEAP_BYTES, Math.max(MIN_HEAP_BYTES, wholeBytes)));
}

/** The heap of a cluster as the heap of a replay. */
export class ClusterReplayHeap extends EngineHeap {
  readonly #kernel: Giet;
  /** Bytes of all blocks handed out. */
  #blockBytes = 0;
  #ignoredFreeCount = 0;

  /** @param lengthBytes of the heap: a power of two. */
  constructor(lengthBytes: number) {
    // The heap stands in the upper half of the memory. So the virtual address of a block, which is a multiple of its
    // size, is its place in the buffer, and no block lies at 0. What is below kernel_heap is never touched.
    const buffer = new SharedArrayBuffer(lengthBytes * 2);
    super(buffer);
    const vseg = { type: VOBJ_TYPE_HEAP, base: lengthBytes, length: lengthBytes, offset: lengthBytes };
    // It prints that there is no more space, which a replay counts, and what it throws besides.
    const silent = { print: () => {} };
    this.#kernel = giet({ clusters: [[{ memory: buffer, vsegs: [vseg] }]], kernel_data: 0 }, silent);
    this.#kernel._heap_init();
  }

  /** The blocks, alloc[] and the entry of kernel_heap. */
  get footprintBytes(): number {
    return this.#blockBytes + this.#kernel.kernel_heap[0]![0]!.alloc_size + DESCRIPTOR_BYTES;
  }

  /** Frees that did nothing. */
  get ignoredFreeCount(): number {
    return this.#ignoredFreeCount;
  }

  /** Creates the heap again: nothing else brings its memory back. */
  reset(): void {
    this.#kernel._heap_init();
    this.#blockBytes = 0;
    this.#ignoredFreeCount = 0;
  }

  check(): EngineCheck {
    return this.#kernel.check();
  }

  protected take(sizeBytes: number): number {
    const address = this.#kernel._remote_malloc(sizeBytes, 0, 0);
    if (address !== 0) this.#blockBytes += blockBytesFor(sizeBytes);
    return address;
  }

  /** Blocks are aligned to their size. */
  protected override takeAligned(alignmentBytes: number, sizeBytes: number): number {
    return this.take(Math.max(alignmentBytes, sizeBytes));
  }

  protected release(): void {
    this.#ignoredFreeCount += 1;
  }

  protected capacity(address: number): number {
    return this.#kernel.bytes(address).length;
  }
}

function blockBytesFor(sizeBytes: number): number {
  return sizeBytes <= MIN_BLOCK_SIZE ? MIN_BLOCK_SIZE : 2 ** Math.ceil(Math.log2(sizeBytes));
}
