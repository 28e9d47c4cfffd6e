import { dumpHeap, Heap } from "kmem";
import { DebugHeap } from "kmem/debug";

const MIB = 2 ** 20;

/** A debugged heap in which something is wrong, and where. */
export interface PlantedHeap {
  readonly dump: Uint8Array;
  /** A live object after whose end four bytes are overwritten. */
  readonly corrupted: number;
  /** Objects that were forgotten, and the function that allocated them. */
  readonly leaked: readonly number[];
  readonly leaker: string;
}

/** A debugged heap with a corruption and a leak. */
export function plantedHeap(): PlantedHeap {
  const heap = DebugHeap.create({ sizeBytes: 4 * MIB, slotCount: 8, debug: "FZPU", print: () => {} });
  const blocks = Array.from({ length: 300 }, (_, index) => heap.alloc(24 + ((index * 53) % 700)));
  for (const [index, block] of blocks.entries()) if (index % 2 === 0) heap.free(block);
  const leaked = Array.from({ length: 12 }, function forgetfulCaller() {
    return heap.alloc(900);
  });
  heap.alloc(70_000);
  heap.pages.alloc(3);
  const corrupted = heap.alloc(200);
  new Uint8Array(heap.buffer).fill(0x41, corrupted + 200, corrupted + 204);
  return { dump: dumpHeap(heap), corrupted, leaked, leaker: "forgetfulCaller" };
}

/** A heap of two slots whose free pages are in pieces, and an earlier dump of it. */
export function fragmentedHeap(): { readonly before: Uint8Array; readonly after: Uint8Array; readonly heap: Heap } {
  const heap = Heap.create({ sizeBytes: 4 * MIB, slotCount: 8, dmaBytes: MIB / 4 });
  const cache = heap.createCache({ name: "session", sizeBytes: 200 });
  const kept = Array.from({ length: 400 }, (_, index) => heap.alloc(16 + ((index * 37) % 1500)));
  const other = Heap.attach(heap.reserve());
  for (let count = 0; count < 80; count++) other.alloc(100 + count);
  for (const block of kept) heap.u8(block).fill(0x77);
  const runs: number[] = [];
  for (let run = heap.pages.tryAlloc(1); run !== 0; run = heap.pages.tryAlloc(1)) {
    runs.push(run);
    new Uint8Array(heap.buffer).fill(0x55, run, run + 64);
  }
  for (const [index, run] of runs.entries()) if (index % 2 === 0) heap.pages.free(run, 1);
  const before = dumpHeap(heap);
  for (const [index, block] of kept.entries()) if (index % 3 === 0) heap.free(block);
  for (let count = 0; count < 40; count++) cache.alloc();
  return { before, after: dumpHeap(heap), heap };
}
