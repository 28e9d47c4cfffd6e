import { afterEach, expect, it, vi } from "vitest";
import { type BugReport, DebugHeap, SampledHeap, sitesText } from "../../src/debug/index.ts";

afterEach(() => void vi.unstubAllGlobals());

it("debugged and sampled heaps work in an AudioWorklet, which has neither TextEncoder nor TextDecoder", () => {
  vi.stubGlobal("TextEncoder", undefined);
  vi.stubGlobal("TextDecoder", undefined);
  function allocateInWorklet(heap: DebugHeap | SampledHeap): number {
    return heap.alloc(40);
  }
  const debugged = DebugHeap.create();
  allocateInWorklet(debugged);
  expect(sitesText(debugged.leaks())).toContain("allocateInWorklet");

  const bugs: BugReport[] = [];
  const sampled = SampledHeap.create({ sampleEvery: 1, report: (bug) => void bugs.push(bug) });
  const address = allocateInWorklet(sampled);
  new Uint8Array(sampled.buffer)[address + 40] = 1;
  sampled.free(address);
  expect(bugs.map(String).join("\n")).toContain("allocateInWorklet");
});
