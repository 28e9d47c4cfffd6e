import { checkHeap, Heap } from "kmem";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";
import { type EngineCheck, EngineHeap } from "./engine-heap.ts";
import { heapBytes } from "./heap-bytes.ts";

/** Twice what is needed, as far as it can be known: every block may waste nearly a page. */
const HEAP_BYTES_PER_NEEDED_BYTE = 2;

/** The page allocator alone: every block is a run of whole pages. */
export function createHeap(plan: HeapPlan): BuddyHeap {
  const { peakLiveBytes, peakLiveBlockCount } = plan;
  const neededBytes = peakLiveBytes + peakLiveBlockCount * PAGE_BYTES;
  return new BuddyHeap(heapBytes(neededBytes * HEAP_BYTES_PER_NEEDED_BYTE, plan));
}

/** Runs of pages as the heap of a replay. */
export class BuddyHeap extends EngineHeap {
  readonly #heap: Heap;
  /** By first page: the pages of a run. A caller of a kernel remembers how many pages it took. */
  readonly #counts: Uint32Array;

  constructor(sizeBytes: number) {
    const heap = Heap.create({ sizeBytes });
    super(heap.buffer, heap.pages);
    this.#heap = heap;
    this.#counts = new Uint32Array(sizeBytes / PAGE_BYTES);
  }

  /** The pages of the runs, with the share of the frame tables that describes them. */
  get footprintBytes(): number {
    return this.#heap.footprintBytes;
  }

  check(): EngineCheck {
    return checkHeap(this.#heap);
  }

  override trim(): number {
    return this.#heap.trim();
  }

  /** As the base does, but a run that becomes shorter gives back its last pages. */
  override realloc(address: number, sizeBytes: number): number {
    const result = super.realloc(address, sizeBytes);
    if (result !== address) return result;
    const count = this.#counts[address / PAGE_BYTES]!;
    const neededCount = pagesFor(sizeBytes);
    if (neededCount < count) {
      this.#heap.pages.free(address + neededCount * PAGE_BYTES, count - neededCount);
      this.#counts[address / PAGE_BYTES] = neededCount;
    }
    return address;
  }

  protected take(sizeBytes: number): number {
    return this.takeAligned(PAGE_BYTES, sizeBytes);
  }

  protected override takeAligned(alignmentBytes: number, sizeBytes: number): number {
    const count = pagesFor(sizeBytes);
    const address = this.#heap.pages.tryAlloc(count, { alignmentBytes: Math.max(PAGE_BYTES, alignmentBytes) });
    if (address !== 0) this.#counts[address / PAGE_BYTES] = count;
    return address;
  }

  protected release(address: number): void {
    this.#heap.pages.free(address, this.#counts[address / PAGE_BYTES]!);
  }

  protected capacity(address: number): number {
    return this.#counts[address / PAGE_BYTES]! * PAGE_BYTES;
  }
}

function pagesFor(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / PAGE_BYTES));
}
