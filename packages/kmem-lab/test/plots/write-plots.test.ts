import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";
import { churnTimes, traceFootprints, traceTimes } from "../../src/plots/series.ts";
import { writePlots } from "../../src/plots/write-plots.ts";
import { sampleFiles } from "../support/sample-figures.ts";

describe("the series of the plots", () => {
  it("are the malloc traces by allocator, without those of another order of magnitude", async () => {
    await withTempDir(async (folder) => {
      const { categories, series } = traceTimes(sampleFiles(folder));
      expect(categories).toEqual(["one", "two"]);
      expect(series.map(({ name }) => name)).toEqual(["kmem", "glibc", "mimalloc", "wasm-dlmalloc"]);
      expect(series[1]!.values).toEqual([10, 20]);
      expect(traceFootprints(sampleFiles(folder)).series).toEqual([
        { name: "kmem", values: [1.25] },
        { name: "mimalloc", values: [1.5] },
      ]);
    });
  });

  it("are points by live blocks", async () => {
    await withTempDir(async (folder) => {
      const { series } = churnTimes(sampleFiles(folder));
      expect(series.find(({ name }) => name === "mimalloc")!.points).toEqual([
        [10_000, 4],
        [10_000_000, 60],
      ]);
    });
  });
});

describe("the plots", () => {
  it("are SVG files with a background, the same each time", async () => {
    await withTempDir(async (folder) => {
      const files = sampleFiles(folder);
      const names = ["traces.svg", "live-blocks.svg", "footprint.svg"];
      expect(await writePlots(files)).toEqual(names);
      const first = names.map((name) => readFileSync(join(folder, name), "utf8"));
      for (const svg of first) {
        expect(svg).toMatch(/^<svg /);
        expect(svg).toContain('fill="#ffffff"');
        expect(svg).toContain(">mimalloc</text>");
        expect(svg).toContain("prefers-color-scheme: dark");
        expect(svg).toMatch(/^<title id="title">.+<\/title>\n<desc id="description">.+kmem: .+<\/desc>$/m);
      }
      await writePlots(files);
      expect(names.map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(first);
    });
  });

  it("are none without figures", async () => {
    await withTempDir(async (folder) => {
      expect(await writePlots(new FigureFiles(folder))).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    });
  });
});
