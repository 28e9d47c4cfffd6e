import { describe, expect, it } from "vitest";
import type { ReplayReport } from "../../src/replay/report.ts";
import { notesText } from "../../src/report/notes-text.ts";
import { plain, result, trace, workload } from "./support.ts";

const NOTE = "cannot free; its footprint only grows";
const memory = result("cluster", 1).memory!;

function report(change: Partial<ReplayReport>): ReplayReport {
  const { memory: _, ...timed } = result("cluster", 1);
  const results = [result("kmem", 1), result("cluster", 1, { memory: { ...memory, ignoredFreeCount: 1200 } })];
  return {
    schema: "kmem-replay",
    version: 1,
    environment: { node: "", platform: "", arch: "", cpuModel: "", cpuCount: 1 },
    settings: { roundCount: 1 },
    allocators: [
      { name: "kmem", version: "1", isNative: false },
      { name: "cluster", version: "1", isNative: false, note: NOTE },
    ],
    absent: [],
    traces: [trace("one", workload(results), workload([timed])), trace("two", workload(results))],
    means: [],
    warnings: [],
    ...change,
  };
}

describe("notes under the table", () => {
  it("are there for allocators that have one, with all frees that did nothing", () => {
    expect(notesText(report({}), plain())).toBe(`cluster: ${NOTE}; 2,400 frees ignored`);
    expect(notesText(report({ traces: [trace("one", workload([result("cluster", 1)]))] }), plain())).toBe(
      `cluster: ${NOTE}`,
    );
  });

  it("are not there without a note or without figures", () => {
    expect(notesText(report({ allocators: [{ name: "kmem", version: "1", isNative: false }] }), plain())).toBe(
      undefined,
    );
    expect(notesText(report({ traces: [trace("empty")] }), plain())).toBe(undefined);
  });

  it("fit the width of the terminal", () => {
    const lines = notesText(report({}), plain(40))!.split("\n");
    expect(lines.every((line) => line.length <= 40)).toBe(true);
    expect(lines.map((line) => line.trim()).join(" ")).toBe(`cluster: ${NOTE}; 2,400 frees ignored`);
  });
});
