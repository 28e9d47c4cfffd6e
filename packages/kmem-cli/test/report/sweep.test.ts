import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sweep } from "../../src/report/sweep.ts";
import { parseSweep } from "../../src/report/sweep-grid.ts";
import { withTempDir } from "../trace/support.ts";
import { blocksTrace } from "./traces-support.ts";

describe("a sweep", () => {
  it("that was interrupted and goes on has the same table as one that ran through", async () => {
    await withTempDir(async (folder) => {
      const paths = [blocksTrace(folder, "small", 100), blocksTrace(folder, "large", 20_000)];
      const dimensions = parseSweep("memory=512K..1M,slots=1:64");
      const common = { fits: false, version: "1" };
      const whole = await sweep(paths, dimensions, common);
      expect(whole.points).toHaveLength(2 * 2 * 2);
      const failures = whole.points.map(({ failureCount }) => failureCount ?? 0);
      expect(failures.slice(0, 4)).toEqual([0, 0, 0, 0]);
      expect(failures[4]).toBeGreaterThan(0);
      expect(failures[6]).toBe(0);

      const statePath = join(folder, "state.jsonl");
      await sweep(paths, dimensions, { ...common, statePath, parallelCount: 1 });
      const lines = readFileSync(statePath, "utf8").trimEnd().split("\n");
      // As an interruption leaves it: some points, and a part of the next.
      writeFileSync(statePath, `${lines.slice(0, 6).join("\n")}\n${lines[6]!.slice(0, 20)}`);
      const counts: number[] = [];
      const onPoint = (doneCount: number): void => void counts.push(doneCount);
      expect(await sweep(paths, dimensions, { ...common, statePath, onPoint })).toEqual(whole);
      expect(counts).toEqual([6, 7, 8]);
      await expect(sweep(paths.slice(1), dimensions, { ...common, statePath })).rejects.toThrow(
        /no state of this sweep/,
      );
    });
  });

  it("finds the smallest memory of each setting", async () => {
    await withTempDir(async (folder) => {
      const report = await sweep([blocksTrace(folder, "t", 1000)], parseSweep("slots=1:126"), {
        fits: true,
        version: "1",
      });
      const [few, many] = report.points.map(({ fitBytes }) => fitBytes ?? 0);
      expect(few).toBeGreaterThan(40 * 1000);
      // A table of more slots is larger.
      expect(many).toBeGreaterThan(few!);
    });
  });

  it("finds a memory in which nothing is refused, and a page less is too little", async () => {
    await withTempDir(async (folder) => {
      const paths = [blocksTrace(folder, "t", 700)];
      const { points } = await sweep(paths, parseSweep("sheaf=2,slab=4K:64K"), { fits: true, version: "1" });
      const [small = 0, large = 0] = points.map(({ fitBytes }) => fitBytes ?? 0);
      // One slab of 64 KiB has room for all 40 blocks, and for as many that nobody asks for.
      expect(large).toBeGreaterThan(small);
      const dimensions = parseSweep(`sheaf=2,slab=64K,memory=${large - 4096}:${large}`);
      const [less, enough] = (await sweep(paths, dimensions, { fits: false, version: "1" })).points;
      expect(enough).toMatchObject({ failureCount: 0 });
      expect(less?.failureCount ?? less?.error).not.toBe(0);
    });
  });
});
