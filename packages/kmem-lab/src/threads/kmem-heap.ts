import { checkHeap, Heap, type HeapHandle, type HeapStats, heapStats } from "kmem";
import type { OwnedHeap, ThreadHeap, ThreadPlan } from "./thread-heap.ts";

const MIB = 2 ** 20;
const FIXED_BYTES: number = 64 * MIB;
/** The most that a workload has live in a lane, with room to spare. */
const BYTES_PER_LANE: number = 24 * MIB;
/** What a heap has unless it asks otherwise. */
const DEFAULT_SLOTS = 64;

/** kmem as it comes: one heap in one SharedArrayBuffer, exact checks on. */
export function createHeap({ threadCount, laneCount }: ThreadPlan): OwnedHeap {
  const heap = Heap.create({
    sizeBytes: FIXED_BYTES + laneCount * BYTES_PER_LANE,
    slotCount: Math.max(DEFAULT_SLOTS, threadCount + 1),
  });
  const before = heapStats(heap).bytes;
  const { alloc, free, buffer, handle } = heap;
  return { alloc, free, buffer, handle, detach: () => heap.detach(), problemsAtEnd: () => problemsOf(heap, before) };
}

/** The same heap for another thread. */
export function attachHeap(handle: unknown): ThreadHeap {
  return Heap.attach(handle as HeapHandle);
}

type Bytes = HeapStats["bytes"];

function problemsOf(heap: Heap, before: Bytes): string[] {
  const problems = checkHeap(heap).findings.map(({ address, problem }) => `check: ${problem} (at ${address})`);
  const { heldSlots } = heapStats(heap);
  if (heldSlots !== 1) problems.push(`${heldSlots} slots are held at the end, not 1`);
  const { liveBlocks } = heapStats(heap);
  if (liveBlocks > 0) problems.push(`${liveBlocks} blocks are live at the end`);
  heap.trim();
  const after = heapStats(heap).bytes;
  for (const name of Object.keys(before) as (keyof Bytes)[]) {
    if (after[name] !== before[name])
      problems.push(`after trim ${name} is ${after[name]}, before it was ${before[name]}`);
  }
  return problems;
}
