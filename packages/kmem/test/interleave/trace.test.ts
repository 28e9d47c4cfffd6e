import { afterAll, describe, expect, it } from "vitest";
import type { Scenario } from "./explore/scenario.ts";
import { Kmem, NO_ASSERTIONS } from "./scenarios/kmem.ts";
import { failureText, reportLine } from "./scenarios/report.ts";
import {
  SMALL_RINGS,
  TRACE_ENTRIES,
  takenForDead,
  WRITE_ACCESSES,
  writeAndRead,
  writeOfTheDead,
} from "./scenarios/trace.ts";

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

/** Runs of the larger scenarios; there are far more. */
const RUN_LIMIT = 4000;

describe("the ring of trace events", () => {
  it("shows no torn event to one who reads while two write in one place", () => {
    expectClean(writeAndRead(kmem, 1, [1, 1], 1), 5000);
  });

  it.each([
    [1, [1, 2], 1],
    [1, [1, 1], 2],
    [2, [2, 1], 2],
  ] as const)("nor in a ring of %d with %j events and %d reads, as far as it is run", (capacity, counts, reads) => {
    expectClean(writeAndRead(kmem, capacity, counts, reads), 1000, RUN_LIMIT);
  });

  it.each(Array.from({ length: WRITE_ACCESSES }, (_, accesses) => accesses))(
    "gives the place of a thread that dies after %d accesses to the next writer",
    (accesses) => {
      expectClean(writeOfTheDead(kmem, accesses, 1), 1, 400);
    },
  );

  it("would show torn events if a live writer were taken for dead: the explorer finds them", () => {
    const { failures } = kmem.explore(takenForDead(writeAndRead(kmem, 1, [1, 1], 1)));
    expect(failures.flatMap(({ problems }) => problems).join()).toContain("a torn event was shown");
  });
});
