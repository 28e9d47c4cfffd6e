import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { ReapReport } from "../../src/index.ts";
import { Nodes } from "../../src/nodes/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import type { NodesWatchOrders } from "./watch-worker.ts";

describe("nodes.watch", () => {
  it("reaps the slots of a worker that is terminated on every node, with the locks that it held", async () => {
    const nodes = Nodes.create({ nodes: [{ sizeBytes: 2 * MIB }, { sizeBytes: 2 * MIB }] });
    const handle = nodes.reserve();
    const done = new Int32Array(new SharedArrayBuffer(4));
    const workerData: NodesWatchOrders = { handle, done };
    const worker = new Worker(new URL("./watch-worker.ts", import.meta.url), { workerData });
    const reports: ReapReport[] = [];
    const reaped = new Promise<void>((resolve) => {
      const onReaped = (report: ReapReport): void => {
        if (reports.push(report) === nodes.count) resolve();
      };
      nodes.watch(worker, handle, { blocks: "free", onReaped });
    });
    while (Atomics.load(done, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    void worker.terminate();
    await reaped;
    expect(reports.map(({ slot, isFreed, blocks, takenOverLocks }) => [slot, isFreed, blocks.length, takenOverLocks]))
      // One lock is inherited, by who waits for it or by who reaps.
      .toEqual([
        [1, true, 1, 0],
        [1, true, 1, 1],
      ]);
    expect(nodes.check().findings).toEqual([]);
    expect(nodes.allocOn(1, 100_000, { thisNode: true })).toBeGreaterThan(0);
  });

  it("reserves a slot on every node, or on none", () => {
    const nodes = Nodes.create({
      nodes: [
        { sizeBytes: 2 * MIB, slotCount: 3 },
        { sizeBytes: 2 * MIB, slotCount: 2 },
      ],
    });
    nodes.reserve();
    expect(thrownBy(() => nodes.reserve()).code).toBe("NO_SLOT");
    expect(nodes.stats().map(({ heap }) => heap.heldSlots)).toEqual([2, 2]);
    expect(nodes.check().findings).toEqual([]);
  });
});
