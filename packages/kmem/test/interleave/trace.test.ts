import { afterAll, describe, expect, it } from "vitest";
import type { Scenario } from "./explore/scenario.ts";
import { Kmem, NO_ASSERTIONS } from "./scenarios/kmem.ts";
import { failureText, reportLine } from "./scenarios/report.ts";
import { SMALL_RINGS, TRACE_ENTRIES, writeAndRead, writeOfTheDead } from "./scenarios/trace.ts";

const lines: string[] = [];
afterAll(() => console.log(lines.join("\n")));

const kmem = new Kmem({
  areLocksAbstract: true,
  entries: TRACE_ENTRIES,
  constants: { ...NO_ASSERTIONS, ...SMALL_RINGS },
});

/** Explores, notes what it came to, and wants no failure and no fewer interleavings than so many. */
function expectClean<World>(scenario: Scenario<World>, interleavingsMin: number, runLimit?: number): void {
  const startMs = performance.now();
  const report = kmem.explore(scenario, runLimit === undefined ? {} : { runLimit });
  lines.push(reportLine(report, performance.now() - startMs));
  expect(report.failures.map((failure) => failureText(kmem.library, failure)).join("\n")).toBe("");
  if (runLimit === undefined) expect(report.isComplete).toBe(true);
  expect(report.interleavings).toBeGreaterThanOrEqual(interleavingsMin);
  expect(kmem.unplaced, "accesses that could not be scheduled").toEqual([]);
}

describe("the ring of trace events", () => {
  it("shows no torn event to one who reads while two write in one place", () => {
    expectClean(writeAndRead(kmem, 1, [1, 1], 1), 20);
  });
});
