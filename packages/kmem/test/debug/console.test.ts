import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BugReport, DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import type { Heap } from "../../src/index.ts";
import { GFP_KERNEL, LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { MIB } from "../support/memories.ts";

let printed: string[];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, "error").mockImplementation((text) => void printed.push(String(text)));
});

afterEach(() => {
  vi.restoreAllMocks();
});

function overrun(heap: Heap, address: number): void {
  const end = address + heap.usableSize(address);
  new Uint8Array(heap.buffer)[end] = 1;
}

describe.each<[string, (report?: (bug: BugReport) => void) => Heap]>([
  ["debugged", (report) => DebugHeap.create({ sizeBytes: 4 * MIB, ...(report && { report }) })],
  ["sampled", (report) => SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, ...(report && { report }) })],
])("the Linux face over a heap that is %s", (_, create) => {
  it("prints reports to its own console, each binding to its own", () => {
    const heap = create();
    const logs = [new LogRing(), new LogRing()] as const;
    const [first, second] = logs.map((log) => linux(heap, log));
    for (const calls of [first, second]) {
      const block = calls?.kmalloc(100, GFP_KERNEL) as number;
      overrun(heap, block);
      calls?.kfree(block);
    }
    const reported = [expect.stringMatching(/^\[\w+ Redzone overwritten\].*\n=+\nBUG kmalloc-/)];
    expect(logs.map((log) => log.messages())).toEqual([reported, reported]);
    expect(printed).toEqual([]);
  });

  it("leaves those outside of its calls to the runtime's console", () => {
    const heap = create();
    const log = new LogRing();
    linux(heap, log).kfree(linux(heap, log).kmalloc(10, GFP_KERNEL));
    const block = heap.alloc(50);
    overrun(heap, block);
    heap.free(block);
    expect([printed.length, log.messages()]).toEqual([1, []]);
  });

  it("leaves them to the function that was given for them", () => {
    const bugs: BugReport[] = [];
    const heap = create((bug) => bugs.push(bug));
    const log = new LogRing();
    const { kmalloc, kfree } = linux(heap, log);
    const block = kmalloc(100, GFP_KERNEL);
    overrun(heap, block);
    kfree(block);
    expect([bugs.length, log.messages(), printed]).toEqual([1, [], []]);
  });
});

describe("the letter T", () => {
  it("prints the calls of a face to its console", () => {
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB, debug: "T" });
    const log = new LogRing();
    const { kmalloc, kfree } = linux(heap, log);
    kfree(kmalloc(100, GFP_KERNEL));
    expect(log.messages().map((line) => line.slice(0, 21))).toEqual(["TRACE kmalloc-128 all", "TRACE kmalloc-128 fre"]);
    expect(printed).toEqual([]);
  });
});
