import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";
import { loadWarning, machineText, notePartRun } from "../../src/figures/part-runs.ts";

const run = (part: string, seconds: number) => ({ part, seconds, roundCount: 5, loadBefore: 0.1, loadAfter: 1 });

describe("what is noted of a run", () => {
  it("is a row for each part, replaced when the part is measured again", async () => {
    await withTempDir(async (folder) => {
      const files = new FigureFiles(folder);
      expect(machineText(files)).toBeUndefined();
      notePartRun(files, { ...run("traces", 90), allocators: "kmem 1, glibc 2" });
      notePartRun(files, run("live", 60));
      notePartRun(files, { ...run("traces", 120), allocators: "kmem 1, glibc 3" });
      expect(files.read("runs").map(({ part, seconds }) => [part, seconds])).toEqual([
        ["live", "60"],
        ["traces", "120"],
      ]);
      const text = machineText(files);
      expect(text).toMatch(/^Measured on .+ cores, Node \d/);
      expect(text).toContain("kmem 1, glibc 3.");
      expect(text).toContain("live (5 rounds, 1.00 min, load 0.10 → 1.00); traces (5 rounds, 2.00 min,");
    });
  });

  it("names the machine of each part where they differ", async () => {
    await withTempDir(async (folder) => {
      const files = new FigureFiles(folder);
      notePartRun(files, run("live", 60));
      const [row] = files.read("runs");
      const header = Object.keys(row!);
      const other = { ...row, part: "traces", cpu: "another" } as Record<string, string>;
      files.write("runs", [header, ...[row!, other].map((one) => header.map((name) => one[name]!))]);
      expect(machineText(files)).toContain("Measured on more than one machine;");
      expect(machineText(files)).toContain("on another,");
    });
  });

  it("begins with a warning on a busy machine", () => {
    expect(loadWarning(0.2)).toBeUndefined();
    expect(loadWarning(1.5)).toContain("the load average is 1.50 already");
  });
});
