import { blockAt, Heap } from "kmem";
import { withReports } from "../../src/contenders/with-reports.ts";
import type { CheckableHeap } from "../../src/replay/replay-heap.ts";

const EVERY = 50;

/** A heap that hands a live block out again from time to time: what `--check` is there to find. */
export function createHeap(): CheckableHeap {
  const heap = withReports(Heap.create({ sizeBytes: 2 ** 24 }));
  const { alloc } = heap;
  let count = 0;
  let last = 0;
  heap.alloc = (sizeBytes) => {
    count += 1;
    const isAgain = count % EVERY === 0 && last !== 0 && blockAt(heap, last)?.live === true;
    if (!isAgain) last = alloc(sizeBytes);
    return last;
  };
  return heap;
}
