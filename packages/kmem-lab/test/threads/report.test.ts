import { describe, expect, it } from "vitest";
import { figuresOf, hasThreadsFailed, type ThreadsReport, threadsFaults } from "../../src/threads/report.ts";
import { runReport, sampleReport } from "./report-sample.ts";

function withRun(run: Partial<ReturnType<typeof runReport>>): ThreadsReport {
  const results = [{ ...runReport("kmem", 2, 1), ...run }];
  return { ...sampleReport(), workloads: [{ name: "sh6", summary: "", results }] };
}

const checks = { allocatedCount: 5, freedCount: 5, faultCount: 0, problems: [] };

describe("a report of threads", () => {
  it("has failed when a process has, a check has, or nobody took part", () => {
    expect(hasThreadsFailed(withRun({}))).toBe(false);
    expect(hasThreadsFailed(withRun({ error: "it broke" }))).toBe(true);
    expect(hasThreadsFailed(withRun({ checks: { ...checks, faultCount: 1 } }))).toBe(true);
    expect(hasThreadsFailed(withRun({ checks: { ...checks, problems: ["a leak"] } }))).toBe(true);
    expect(hasThreadsFailed({ ...withRun({}), allocators: [] })).toBe(true);
  });

  it("says what failed where", () => {
    expect(threadsFaults(withRun({ error: "it broke", checks: { ...checks, problems: ["a leak"] } }))).toEqual([
      "kmem, sh6, threads: 2: it broke",
      "kmem, sh6, threads: 2: a leak",
    ]);
  });

  it("finds figures by allocator and threads", () => {
    const [local, xmalloc] = sampleReport().workloads;
    expect(figuresOf(local!, "glibc", 2)?.medianOpsPerSecond).toBe(78.5e6);
    expect(figuresOf(xmalloc!, "glibc", 2)).toBeUndefined();
    expect(figuresOf(local!, "glibc", 3)).toBeUndefined();
  });
});
