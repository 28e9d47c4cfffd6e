import { describe, expect, it } from "vitest";
import { checkDump, DebugHeap, openHeap } from "../../src/debug/index.ts";
import { dumpHeap } from "../../src/index.ts";
import { useTestClock } from "../support/test-clock.ts";

const MIB = 2 ** 20;

describe("the ages in a dump", () => {
  it("count to the time when it was made, and so do those in a dump of it", () => {
    const clock = useTestClock();
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB });
    // An age of 0 stands for never: the first millisecond does not count.
    clock.ms += 5;
    heap.alloc(100);
    clock.ms += 250;
    const dump = dumpHeap(heap);
    clock.ms += 60_000;
    const opened = openHeap(dump) as DebugHeap;
    expect(opened.leaks()).toMatchObject([{ ageMinMs: 250, ageMaxMs: 250 }]);
    expect(opened.profile().durationMs).toBe(255);
    const again = openHeap(dumpHeap(opened)) as DebugHeap;
    expect(again.leaks()).toMatchObject([{ ageMaxMs: 250 }]);
    expect(checkDump(dump).isClean).toBe(true);
  });

  it("go on in the heap itself, which its dump leaves as it is", () => {
    const clock = useTestClock();
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB });
    // An age of 0 stands for never: the first millisecond does not count.
    clock.ms += 5;
    heap.alloc(100);
    const before = new Uint8Array(heap.buffer).slice();
    dumpHeap(heap);
    expect(Buffer.compare(new Uint8Array(heap.buffer), before)).toBe(0);
    clock.ms += 500;
    expect(heap.leaks()).toMatchObject([{ ageMaxMs: 500 }]);
  });
});
