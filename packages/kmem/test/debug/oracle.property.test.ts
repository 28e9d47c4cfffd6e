import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BugReport, DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { checkHeap, Heap } from "../../src/index.ts";
import { MIB } from "../support/memories.ts";
import { CALLS, type Call, Oracle } from "./oracle.ts";

const RUNS = 15;
const CALLS_MAX = 40;

/** Two threads of a heap. */
type Pair = (report: (bug: BugReport) => void) => readonly [Heap, Heap];

const SIZE = { sizeBytes: 3 * MIB };

function debugged(debug: string, more: object = {}): Pair {
  return (report) => {
    const heap = DebugHeap.create({ ...SIZE, debug, report, stackDepth: 1, ...more });
    return [heap, DebugHeap.attach(heap.reserve(), { report, stackDepth: 1, quarantineCount: 4 })];
  };
}

function sampled(sampleEvery: number, guardedCount: number): Pair {
  return (report) => {
    const options = { sampleEvery, guardedCount, report, stackDepth: 1 };
    const heap = SampledHeap.create({ ...SIZE, ...options });
    return [heap, SampledHeap.attach(heap.reserve(), options)];
  };
}

/** Memory that is not shared, and grows: every view is another after that. There is one thread. */
const GROWING = { sizeBytes: MIB, maximumBytes: 4 * MIB, shared: false };

const HEAPS: Record<string, Pair> = {
  "plain heap": () => {
    const heap = Heap.create(SIZE);
    return [heap, Heap.attach(heap.reserve())];
  },
  "heap with exact frees": () => {
    const heap = Heap.create({ ...SIZE, exactFrees: true });
    return [heap, Heap.attach(heap.reserve())];
  },
  "heap debugged with FZPU": debugged("FZPU"),
  "heap debugged with Z": debugged("Z", { quarantineCount: 3, zeroOnAlloc: true }),
  "heap debugged with P": debugged("P", { quarantineCount: 0 }),
  "heap debugged with U, zero on free": debugged("U", { zeroOnFree: true, randomReuse: true, quarantineCount: 10 }),
  "heap debugged with nothing": debugged("-"),
  "debugged heap that grows": (report) => {
    const heap = DebugHeap.create({ ...GROWING, report, stackDepth: 1 });
    return [heap, heap];
  },
  "sampled heap that grows": (report) => {
    const heap = SampledHeap.create({ ...GROWING, report, stackDepth: 1, sampleEvery: 2, guardedCount: 400 });
    return [heap, heap];
  },
  "heap of which every object is sampled": sampled(1, 400),
  "heap of which every second object is sampled": sampled(2, 400),
  "heap of which every third object is sampled, in few places": sampled(3, 12),
};

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 9000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 32_000, max: 45_000 }) },
);
const call: fc.Arbitrary<Call> = fc.record({
  kind: fc.constantFrom(...CALLS),
  sizeBytes: size,
  pick: fc.nat(100),
  alignmentShift: fc.integer({ min: 4, max: 13 }),
  byte: fc.nat(255),
});

describe.each(Object.keys(HEAPS))("a %s", (name) => {
  it("gives every block its bytes, writes to no other, and reports nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: CALLS_MAX }), async (calls) => {
        const bugs: string[] = [];
        const [heap, other] = (HEAPS[name] as Pair)((bug) => bugs.push(bug.text()));
        const oracle = new Oracle(heap, other);
        for (const one of calls) {
          await oracle.step(one);
          if (bugs.length > 0) throw new Error(bugs[0]);
        }
        expect(checkHeap(heap).findings).toEqual([]);
        oracle.end();
        expect([checkHeap(heap).findings, bugs]).toEqual([[], []]);
        if (other !== heap) other.detach();
        heap.trim();
        expect([checkHeap(heap).findings, bugs]).toEqual([[], []]);
      }),
      { numRuns: RUNS },
    );
  });
});
