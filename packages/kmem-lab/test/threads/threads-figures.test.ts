import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { threadFigures } from "../../src/bench/write-figures.ts";
import { writeDocument } from "../../src/figures/documents.ts";
import { FigureFiles } from "../../src/figures/figure-files.ts";
import { threadsRows, threadsTable, throughputGoalsTable } from "../../src/threads/threads-figures.ts";
import { sampleReport } from "./report-sample.ts";

describe("the figures of threads", () => {
  it("go into a CSV file and between the marks of a document", async () => {
    await withTempDir(async (folder) => {
      const document = join(folder, "document.md");
      writeFileSync(document, "<!-- figures: threads -->\n<!-- /figures: threads -->\n");
      writeDocument(document, threadFigures(sampleReport(), new FigureFiles(folder)));
      const lines = readFileSync(join(folder, "threads.csv"), "utf8").trim().split("\n");
      expect(lines).toHaveLength(9);
      expect(lines[8]).toBe("xmalloc,glibc,2,,,,,");
      const text = readFileSync(document, "utf8");
      const between = text.slice(text.indexOf("<!-- figures: threads -->"), text.indexOf("<!-- /figures: threads -->"));
      expect(between).toContain("\n| local | 50.0 → 90.0 | 40.0 → 78.5 |\n");
      expect(between).toContain("\n| xmalloc: 2 threads / 1 thread | ≥ 1 | 1.50 |\n");
    });
  });

  it("are all in the CSV file, those that failed with nothing in their columns", () => {
    const [header, ...rows] = threadsRows(sampleReport());
    expect(header).toHaveLength(8);
    expect(rows).toHaveLength(8);
    expect(rows[1]).toEqual(["local", "kmem", 2, 1000, "0.0000", "90000000", "90000000", "90000000"]);
    expect(rows[7]).toEqual(["xmalloc", "glibc", 2, "", "", "", "", ""]);
  });

  it("stand side by side in the table of the document", () => {
    expect(threadsTable(sampleReport())).toEqual([
      ["million operations/s, threads: 1 → 2", "kmem", "glibc"],
      ["local", "50.0 → 90.0", "40.0 → 78.5"],
      ["xmalloc", "20.0 → 30.0", "10.0 → –"],
    ]);
  });

  it("are set against the goals", () => {
    expect(throughputGoalsTable(sampleReport())).toEqual([
      ["ratio of throughput", "goal", "measured"],
      ["local: 2 threads / 1 thread", "≥ 1.9", "1.80"],
      ["xmalloc: 2 threads / 1 thread", "≥ 1", "1.50"],
      ["xmalloc, 2 threads: kmem / glibc", "≥ 1", "–"],
    ]);
  });
});
