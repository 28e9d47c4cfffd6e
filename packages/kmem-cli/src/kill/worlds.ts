import { Heap } from "kmem";

const MIB = 2 ** 20;

/** Heaps that differ in what happens while threads die. */
export interface KillWorld {
  readonly name: string;
  readonly create: () => Heap;
}

const FIXED_BYTES = 8 * MIB;
const SHORT_BYTES = 2 * MIB;
const FIRST_BYTES = 2 * MIB;
const GROWN_BYTES = 16 * MIB;

export const KILL_WORLDS: readonly KillWorld[] = [
  { name: "fixed", create: () => Heap.create({ sizeBytes: FIXED_BYTES }) },
  { name: "short of memory", create: () => Heap.create({ sizeBytes: SHORT_BYTES }) },
  { name: "growing", create: () => Heap.create({ sizeBytes: FIRST_BYTES, maximumBytes: GROWN_BYTES }) },
];
