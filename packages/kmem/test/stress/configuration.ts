import type { HeapOptions } from "../../src/index.ts";
import type { Sabotage } from "./sabotage.ts";

const KIB = 1024;
const MIB: number = KIB * KIB;

/** A way in which the stress is run: what the heap is made of, and what the threads do to it. Plain data. */
export interface Configuration {
  readonly name: string;
  readonly heap: HeapOptions;
  /** The most pieces of memory that a thread holds. */
  readonly heldLimit: number;
  /** Sizes go up to this. */
  readonly maximumBytes: number;
  /** Operations of the fastest thread between two times at which all rest. */
  readonly roundOperations: number;
  /** In how many rounds out of a hundred a thread leaves for good, or gives its slot back and takes another. */
  readonly leavePercent: number;
  readonly reattachPercent: number;
  /** Whether the library's own assertions are on: they find faults early; without them the timing is that of use. */
  readonly assertions: boolean;
  /** Whether threads wait for memory, and have shrinkers. */
  readonly waits: boolean;
  /** Whether threads free what they must not, and expect to be told. */
  readonly misuse: boolean;
  /** Whether two threads free the same block at once where frees are not exact, so that the heap is told later. */
  readonly lateDoubleFrees: boolean;
  /** What is broken on purpose, in tests of the stress itself. */
  readonly sabotage?: Sabotage;
}

const ORDINARY = {
  heldLimit: 3000,
  maximumBytes: MIB,
  roundOperations: 25_000,
  leavePercent: 5,
  reattachPercent: 10,
  assertions: false,
  waits: false,
  misuse: false,
  lateDoubleFrees: false,
} as const;

/** A small heap, held mostly full: out of memory is what threads there hear every day. */
const SCARCE = {
  ...ORDINARY,
  heldLimit: 6000,
  maximumBytes: 48 * KIB,
  roundOperations: 10_000,
  waits: true,
} as const;

/** Everything that the stress is run with, in this order. */
export const CONFIGURATIONS: readonly Configuration[] = [
  { ...ORDINARY, name: "SharedArrayBuffer", heap: { sizeBytes: 48 * MIB } },
  {
    ...ORDINARY,
    name: "SharedArrayBuffer, exact frees",
    heap: { sizeBytes: 48 * MIB, exactFrees: true },
    assertions: true,
  },
  {
    ...ORDINARY,
    name: "small blocks in haste",
    heap: { sizeBytes: 4 * MIB },
    heldLimit: 700,
    maximumBytes: 1024,
    roundOperations: 60_000,
  },
  { ...ORDINARY, name: "shared WebAssembly.Memory", heap: { sizeBytes: 48 * MIB, maximumBytes: 48 * MIB } },
  {
    ...ORDINARY,
    name: "growing memory",
    heap: { sizeBytes: MIB, maximumBytes: 128 * MIB },
    heldLimit: 8000,
    roundOperations: 15_000,
  },
  {
    ...ORDINARY,
    name: "growing memory, exact frees",
    heap: { sizeBytes: MIB, maximumBytes: 64 * MIB, exactFrees: true, dmaBytes: 300_000 },
    assertions: true,
  },
  { ...SCARCE, name: "exhaustion", heap: { sizeBytes: 3 * MIB } },
  {
    ...SCARCE,
    name: "exhaustion, exact frees, growing memory",
    heap: { sizeBytes: 512 * KIB, maximumBytes: 3 * MIB, exactFrees: true },
    assertions: true,
  },
  {
    ...ORDINARY,
    name: "coming and going",
    heap: { sizeBytes: 24 * MIB, maximumBytes: 24 * MIB },
    roundOperations: 8000,
    leavePercent: 40,
    reattachPercent: 80,
    assertions: true,
  },
  {
    ...ORDINARY,
    name: "misuse",
    heap: { sizeBytes: 16 * MIB },
    heldLimit: 1500,
    maximumBytes: 256 * KIB,
    misuse: true,
  },
  {
    ...ORDINARY,
    name: "misuse, exact frees",
    heap: { sizeBytes: 16 * MIB, exactFrees: true },
    heldLimit: 1500,
    maximumBytes: 256 * KIB,
    misuse: true,
    assertions: true,
  },
  {
    ...ORDINARY,
    name: "double frees that are found late",
    heap: { sizeBytes: 16 * MIB },
    heldLimit: 1500,
    maximumBytes: 256 * KIB,
    roundOperations: 8000,
    misuse: true,
    lateDoubleFrees: true,
  },
];

/** One thread more than the stress has: the main thread, which made the heap. */
export function slotsFor(threads: number): number {
  return threads + 1;
}
