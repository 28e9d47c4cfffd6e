import { join } from "node:path";
import { expect, it } from "vitest";
import { withTempDir } from "../trace/support.ts";
import { finishedSweep, killedSweep } from "./interrupted-sweep.ts";
import { blocksTrace } from "./traces-support.ts";

it("a command that is killed in its sweep and started again has the table of one that ran through", async () => {
  await withTempDir(async (folder) => {
    const order = { grid: "memory=1M,sheaf=2:64,slab=4K:64K", traces: [blocksTrace(folder, "t", 700)], folder };
    const whole = await finishedSweep(order);
    expect(whole.points.map(({ failureCount }) => failureCount)).toEqual([0, 0, 0, 0]);
    expect(new Set(whole.points.map(({ peakFootprintBytes }) => peakFootprintBytes)).size).toBeGreaterThan(1);
    const statePath = join(folder, "state.jsonl");
    const doneCount = await killedSweep({ ...order, statePath }, 1);
    expect(doneCount).toBeLessThan(whole.points.length);
    expect(await finishedSweep({ ...order, statePath })).toEqual(whole);
  });
});
