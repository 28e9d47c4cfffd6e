import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";
import { markdownTable } from "../../src/figures/markdown.ts";
import { FIGURES_FOLDER, ROOT } from "../../src/figures/repository.ts";
import { glanceTable } from "../../src/goals/glance-table.ts";
import { sampleFiles } from "../support/sample-figures.ts";

it("is six figures of the CSV files, with a dash for what has not been measured", async () => {
  await withTempDir(async (folder) => {
    const files = sampleFiles(folder);
    files.write("kill", [
      ["heap", "fixed", "all"],
      ["threads killed", "5", "1,500"],
      ["hangs", "0", "0"],
      ["lost pages", "0", "0"],
      ["lost blocks not owned by the dead", "0", "2"],
    ]);
    files.write("wasm-programs", [
      ["program", "merged_time_ratio"],
      ["one", "0.50"],
      ["two", "2.00"],
      ["quickjs debug-sync", "0.125"],
    ]);
    files.write("wasm-checks", [
      ["program", "mode", "time_ratio"],
      ["one", "own", "1.00"],
      ["one", "memcheck", "3.00"],
      ["quickjs debug-sync", "memcheck", "0.75"],
    ]);
    const [, ...rows] = glanceTable(files);
    expect(rows.map(([, measured]) => measured)).toEqual([
      "0.50, 1.25",
      "0.50",
      "400",
      "0.50, 1.50; 1.00, 3.00",
      "1,500; 0, 0, 2",
      "–",
    ]);
  });
});

it("is in the README as the figures say; `npx kmem-lab glance` writes it again", () => {
  const table = markdownTable(glanceTable(new FigureFiles(FIGURES_FOLDER)));
  expect(readFileSync(join(ROOT, "README.md"), "utf8")).toContain(table);
});
