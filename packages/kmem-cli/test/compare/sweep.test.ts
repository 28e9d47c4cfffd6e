import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sweep } from "../../src/compare/sweep.ts";
import { parseSweep } from "../../src/compare/sweep-grid.ts";
import { withTempDir } from "../trace/support.ts";

/** Blocks of a size that are all live at a time. */
function trace(folder: string, name: string, sizeBytes: number): string {
  const path = join(folder, `${name}.csv`);
  const slots = Array.from({ length: 40 }, (_, slot) => slot);
  const lines = [...slots.map((slot) => `malloc,${slot},${sizeBytes}`), ...slots.map((slot) => `free,${slot},`)];
  writeFileSync(path, `op,block,size\n${lines.join("\n")}\n`);
  return path;
}

describe("a sweep", () => {
  it("that was interrupted and goes on has the same table as one that ran through", async () => {
    await withTempDir(async (folder) => {
      const paths = [trace(folder, "small", 100), trace(folder, "large", 20_000)];
      const dimensions = parseSweep("memory=512K..1M,slots=1:8:64");
      const common = { fits: false, version: "1" };
      const whole = await sweep(paths, dimensions, common);
      expect(whole.points).toHaveLength(2 * 2 * 3);
      const failures = whole.points.map(({ failureCount }) => failureCount ?? 0);
      expect(failures.slice(0, 6)).toEqual([0, 0, 0, 0, 0, 0]);
      expect(failures[6]).toBeGreaterThan(0);
      expect(failures[9]).toBe(0);

      const statePath = join(folder, "state.jsonl");
      await sweep(paths, dimensions, { ...common, statePath, parallelCount: 1 });
      const lines = readFileSync(statePath, "utf8").trimEnd().split("\n");
      // As an interruption leaves it: some points, and a part of the next.
      writeFileSync(statePath, `${lines.slice(0, 6).join("\n")}\n${lines[6]!.slice(0, 20)}`);
      const counts: number[] = [];
      const onPoint = (doneCount: number): void => void counts.push(doneCount);
      expect(await sweep(paths, dimensions, { ...common, statePath, onPoint })).toEqual(whole);
      expect(counts).toEqual([6, 7, 8, 9, 10, 11, 12]);
      await expect(sweep(paths.slice(1), dimensions, { ...common, statePath })).rejects.toThrow(
        /no state of this sweep/,
      );
    });
  });

  it("finds the smallest memory of each setting", async () => {
    await withTempDir(async (folder) => {
      const report = await sweep([trace(folder, "t", 1000)], parseSweep("slots=1:126"), { fits: true, version: "1" });
      const [few, many] = report.points.map(({ fitBytes }) => fitBytes ?? 0);
      expect(few).toBeGreaterThan(40 * 1000);
      // A table of more slots is larger.
      expect(many).toBeGreaterThan(few!);
    });
  });
});
