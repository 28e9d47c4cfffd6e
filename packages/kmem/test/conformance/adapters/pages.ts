import { checkHeap, Heap } from "../../../src/index.ts";
import { PAGE } from "../../support/memories.ts";
import type { Adapter } from "../allocator.ts";
import { flatMemory } from "./flat.ts";
import { HEAP_CODES, heapFigures, heapOptions } from "./heap.ts";

/** Pages that hold so many bytes. */
function pagesFor(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE);
}

export const pagesAdapter: Adapter = {
  name: "Heap.pages",
  lacks: {
    "size 0": "a run has a page at the least",
    usableSize: "whoever takes pages remembers how many",
    calloc: "pages are not cleared",
    realloc: "pages are freed in part, and never made more",
    "refusal of sizes": "it counts in pages, and its own tests have what is no count of them",
  },
  alignmentBytes: PAGE,
  leastAlignmentBytes: PAGE,
  borderBytes: [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33].map((pages) => pages * PAGE),
  blockBytes: (sizeBytes) => pagesFor(sizeBytes) * PAGE,
  codes: { alignment: HEAP_CODES.alignment, free: HEAP_CODES.free },
  create: (memory) => {
    const heap = Heap.create(heapOptions(memory));
    const counts = new Map<number, number>();
    const note = (address: number, sizeBytes: number): number => {
      if (address !== 0) counts.set(address, pagesFor(sizeBytes));
      return address;
    };
    const take = (sizeBytes: number, alignmentBytes = PAGE): number =>
      note(heap.pages.alloc(pagesFor(sizeBytes), { alignmentBytes }), sizeBytes);
    return {
      capacityBytes: memory.maximumBytes,
      tryAlloc: (sizeBytes) => note(heap.pages.tryAlloc(pagesFor(sizeBytes)), sizeBytes),
      alloc: (sizeBytes) => take(sizeBytes),
      alignedAlloc: (alignmentBytes, sizeBytes) => take(sizeBytes, alignmentBytes),
      free: (address) => {
        if (address !== 0) heap.pages.free(address, counts.get(address) ?? 1);
      },
      findings: () => checkHeap(heap).findings,
      trim: () => void heap.trim(),
      figures: () => heapFigures(heap),
      ...flatMemory(() => heap.buffer),
    };
  },
};
