import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { blocksOf, heapStats, reapSlot } from "../../src/index.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const WORKER_URL = new URL("./death-worker.ts", import.meta.url);
const DEATHS = 12;

async function untilIt(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

it("a thread that dies in the middle of debugged calls leaves nothing that looks like a bug", async () => {
  const bugs: string[] = [];
  const heap = DebugHeap.create({ sizeBytes: 16 * MIB, report: (bug) => bugs.push(bug.text()) });
  const cache = heap.createCache({ name: "objects", sizeBytes: 200 });
  const before = heapStats(heap);
  const modes = ["free", "give", "keep"] as const;
  for (let death = 0; death < DEATHS; death++) {
    const handle = heap.reserve();
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(WORKER_URL, { workerData: { handle, gate } });
    await untilIt(() => Atomics.load(gate, 0) === 1);
    await new Promise((resolve) => setTimeout(resolve, 2 + death * 3));
    await worker.terminate();
    const slot = handle.place?.slot ?? 0;
    const report = reapSlot(heap, slot, { blocks: modes[death % modes.length] });
    expect(Atomics.load(gate, 1)).toBe(0);
    expectClean(heap);
    expect(heap.validate()).toBe(0);
    if (modes[death % modes.length] === "keep") reapSlot(heap, slot, { blocks: "free" });
    if (modes[death % modes.length] === "give") for (const { address } of report.blocks) heap.free(address);
    expect([...blocksOf(heap)]).toEqual([]);
  }
  heap.trim();
  expectClean(heap);
  expect(bugs).toEqual([]);
  expect(heapStats(heap).heldSlots).toBe(before.heldSlots);
  cache.destroy();
});
