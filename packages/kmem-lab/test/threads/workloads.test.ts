import { describe, expect, it } from "vitest";
import { createShared } from "../../src/threads/work/shared-state.ts";
import { findWorkload, THREAD_WORKLOADS } from "../../src/threads/workloads.ts";
import { ModelHeap } from "./model-heap.ts";

/** Runs a workload with one lane, its generations after each other, and answers what they allocated. */
function runAlone(name: string, amount: number): number {
  const workload = findWorkload(name);
  const { generationCount } = workload;
  const heap = new ModelHeap();
  const shared = createShared(1);
  const main = heap.thread({ shared, lane: 1, generation: generationCount, generationCount });
  workload.prepare?.(main);
  let [allocatedCount, freedCount] = [main.work.allocatedCount, 0];
  for (let generation = 0; generation < generationCount; generation += 1) {
    const thread = heap.thread({ shared, generation, generationCount });
    thread.work.start(generation);
    workload.run(thread, amount);
    allocatedCount += thread.work.allocatedCount;
    freedCount += thread.work.freedCount;
    expect(thread.work.faultCount).toBe(0);
  }
  expect(heap.live.size).toBe(0);
  expect(freedCount).toBe(allocatedCount);
  return allocatedCount;
}

describe("a workload of threads, alone on a heap", () => {
  it.each([
    ["local", 3000, 3000],
    ["larson", 3000, 9000],
    ["xmalloc", 10, 40_960],
    ["mstress", 4, 8000],
    ["cache-scratch", 20, 21],
    ["sh6", 2, 21_248],
    ["sh8", 2, 21_248],
    ["rptest", 30, 3000],
  ])("%s: frees everything it allocates, whole", (name, amount, allocatedCount) => {
    expect(runAlone(name, amount)).toBe(allocatedCount);
  });

  it("has a name of its own, and is found by it", () => {
    expect(new Set(THREAD_WORKLOADS.map(({ name }) => name)).size).toBe(THREAD_WORKLOADS.length);
    expect(() => findWorkload("golf")).toThrow('there is no workload "golf"');
  });
});
