import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";
import { GOALS, goalsTable } from "../../src/goals/goals-table.ts";
import { sampleFiles } from "../support/sample-figures.ts";

describe("the table of goals", () => {
  it("is made of the CSV files", async () => {
    await withTempDir(async (folder) => {
      const files = sampleFiles(folder);
      files.write("memory", [
        [
          "workload",
          "allocator",
          "covered_share",
          "peak_live_bytes",
          "resident_peak_bytes",
          "own_initial_bytes",
          "own_peak_bytes",
          "own_trimmed_bytes",
        ],
        ["one", "kmem", 1, 2_000_000, 2_200_000, 100_000, 2_100_000, 100_000],
        ["two", "kmem", 1, 2000, 90_000, 100_000, 104_096, 104_096],
        ["one", "mimalloc", 1, 2_000_000, 2_750_000, "", "", ""],
        ["two", "mimalloc", 1, 2000, 9000, "", "", ""],
        ["one", "wasm-dlmalloc", 1, 2_000_000, 2_000_000, "", "", ""],
      ]);
      files.write("loads", [
        ["load", "allocator", "ns_per_op_median"],
        ["sweep 256 B", "kmem", 20],
        ["sweep 256 B", "mimalloc", 8],
        ["sweep 4 KiB", "kmem", 130],
        ["sweep 4 KiB", "mimalloc", 10],
        ["sweep 128 KiB", "kmem", 100],
        ["sweep 128 KiB", "mimalloc", 40],
        ["mixed sizes", "kmem", 250],
        ["mixed sizes", "wasm-dlmalloc", 100],
        ["page runs", "kmem", 60],
        ["page runs", "emmalloc", 60],
        ["vmalloc", "kmem", 1600.4],
      ]);
      files.write("threads", [
        ["workload", "allocator", "threads", "ops_per_second_median"],
        ["local", "kmem", 1, 100],
        ["local", "kmem", 2, 150],
        ["sh8", "kmem", 1, 100],
        ["sh8", "kmem", 2, 160],
      ]);
      files.write("load-memory", [
        ["workload", "allocator", "covered_share", "peak_live_bytes", "resident_peak_bytes"],
        ["strings", "kmem", 1, 1000, 1700],
      ]);
      files.write("drift", [
        ["allocator", "segment", "own_bytes"],
        ["kmem", 1, 1000],
        ...[2, 3, 4, 5, 6, 7, 8].map((segment) => ["kmem", segment, 5000]),
        ["kmem", 9, 1010],
        ["glibc", 1, ""],
      ]);
      files.write("latency", [
        ["workload", "allocator", "p99_99_ns"],
        ["one", "kmem", 900],
        ["two", "kmem", 1100],
        ["one", "mimalloc", 1200],
      ]);
      files.write("bundle-size", [
        ["sub_path", "brotli_bytes"],
        ["kmem", 8000],
        ["everything", 40_000],
      ]);
      const [, ...rows] = goalsTable(files);
      expect(rows.map(([, ...cells]) => cells)).toEqual([
        ["1.25", "≤ 1.25", "yes"],
        ["0.50", "≤ 0.70", "yes"],
        ["0.50", "≤ 0.60", "yes"],
        ["300", "≥ 200", "yes"],
        ["400", "≥ 1,000", "**no**"],
        ["20.00; mimalloc 15.00", "≤ mimalloc's", "**no**"],
        ["1,100 ns; mimalloc 1,200 ns", "beside mimalloc's", "yes"],
        ["2.50", "≤ 2.50", "yes"],
        ["13.00", "≤ 4.00", "**no**"],
        ["2.50", "≤ 5.00", "yes"],
        ["2.50", "≤ 1.00", "**no**"],
        ["1.00", "≤ 1.00", "yes"],
        ["1,600", "≤ 1,500", "**no**"],
        ["1.70", "≤ 1.80", "yes"],
        ["1.50", "≥ 1.85", "**no**"],
        ["1.60", "≥ 1.60", "yes"],
        ["0.80", "≤ 1.00", "yes"],
        ["1.10", "≤ 1.05", "**no**"],
        ["4096", "0", "**no**"],
        ["10.0 %", "≤ 5 %", "**no**"],
        ["1.01", "≤ 1.05", "yes"],
        ["8.0 kB", "≤ 8 kB", "yes"],
        ["40.0 kB", "≤ 30 kB", "**no**"],
      ]);
    });
  });

  it("has a dash for what has not been measured", async () => {
    await withTempDir(async (folder) => {
      const [, ...rows] = goalsTable(new FigureFiles(folder));
      expect(rows).toHaveLength(GOALS.length);
      for (const [, measured, , reached] of rows) expect([measured, reached]).toEqual(["–", "–"]);
    });
  });
});
