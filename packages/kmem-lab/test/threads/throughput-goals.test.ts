import { describe, expect, it } from "vitest";
import { goalsOf } from "../../src/threads/throughput-goals.ts";
import { runReport, sampleReport } from "./report-sample.ts";

describe("the goals", () => {
  it("are ratios of medians, and are left open where a figure is missing", () => {
    expect(goalsOf(sampleReport().workloads)).toEqual([
      { name: "local: 2 threads / 1 thread", goal: 1.9, ratio: 1.8 },
      { name: "xmalloc: 2 threads / 1 thread", goal: 1, ratio: 1.5 },
      { name: "xmalloc, 2 threads: kmem / mimalloc", goal: 0.5 },
      { name: "xmalloc, 2 threads: kmem / glibc", goal: 1 },
    ]);
  });

  it("set xmalloc beside mimalloc and glibc", () => {
    const results = [runReport("kmem", 2, 6e6), runReport("mimalloc", 2, 8e6), runReport("glibc", 2, 3e6)];
    expect(goalsOf([{ name: "xmalloc", summary: "", results }]).map(({ ratio }) => ratio)).toEqual([
      undefined,
      0.75,
      2,
    ]);
  });
});
