import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownContenders } from "../../src/contenders/known-contenders.ts";
import { type ReplayObserver, replayTraces } from "../../src/replay/replay-traces.ts";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { withTempDir } from "../trace/support.ts";

const QUIET: ReplayObserver = {
  onContenders: () => {},
  onReading: () => {},
  onTrace: () => {},
  onReplaying: () => {},
};
const kmem = knownContenders().slice(0, 1);

describe("a replay", () => {
  it("warns of a machine that is busy when it begins", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "small.trace");
      writeFileSync(path, mallocTrace([mallocEvent(0, 1, 100), mallocEvent(1, 1, 0)]));
      const options = { roundCount: 1, checkEvery: undefined, load: () => 1000 };
      const report = await replayTraces([path], kmem, options, QUIET);
      expect(report.environment.loadAverage).toBe(1000);
      expect(report.warnings.map(({ code }) => code)).toEqual(["LOADED"]);
      const idle = await replayTraces([path], kmem, { ...options, load: () => 0 }, QUIET);
      expect(idle.environment).not.toHaveProperty("loadAverage");
      expect(idle.warnings).toEqual([]);
    });
  });

  it("hands the events of each trace on to who watches them", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "small.trace");
      writeFileSync(path, mallocTrace([mallocEvent(0, 1, 100), mallocEvent(1, 1, 0)]));
      const seen: string[] = [];
      const watch = (
        number: number,
      ): { op: (code: number, log2Align: number, slot: number, size: number) => void } => ({
        op: (code, _log2Align, slot, size) => void seen.push(`${number}: ${code} ${slot} ${size}`),
      });
      await replayTraces([path, path], kmem, { roundCount: 0, checkEvery: undefined, watch }, QUIET);
      expect(seen).toEqual(["0: 0 1 100", "0: 1 1 100", "1: 0 1 100", "1: 1 1 100"]);
    });
  });
});
