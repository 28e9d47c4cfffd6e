import { afterAll, describe, expect, it } from "vitest";
import { runAtRandom } from "./explore/random-runs.ts";
import { type Failure, replay } from "./explore/run.ts";
import { type Case, heapCases } from "./scenarios/all.ts";
import { allocTogether, refillTogether } from "./scenarios/blocks.ts";
import { Kmem, NO_ASSERTIONS, SPIN_ONCE } from "./scenarios/kmem.ts";
import { lockRounds } from "./scenarios/locks.ts";
import { randomOperations } from "./scenarios/random-operations.ts";
import { failureText, reportLine } from "./scenarios/report.ts";
import { trimWhileDestroyed } from "./scenarios/threads.ts";
import { ticketsOfTheDead } from "./scenarios/tickets.ts";

/** Random seeds that a test tries; `run.ts` tries as many as it is told. */
const RANDOM_SEEDS = 6;

/** Random seeds of the one scenario that is too long to explore. */
const TRIM_SEEDS = 10;

/** Runs of the queuing lock; there are far more. */
const TICKET_RUNS = 140;

const lines: string[] = [];
afterAll(() => console.log(lines.join("\n")));

/** Explores, notes what it came to, and wants no failure, everything run, and no fewer interleavings than so many. */
function expectClean({ kmem, scenario, interleavingsMin, testRuns }: Case & { readonly kmem: Kmem }): void {
  const startMs = performance.now();
  const report = kmem.explore(scenario, testRuns === undefined ? {} : { runLimit: testRuns });
  lines.push(reportLine(report, performance.now() - startMs));
  expect(report.failures.map((failure) => failureText(kmem.library, failure)).join("\n")).toBe("");
  if (testRuns === undefined) expect(report.isComplete).toBe(true);
  expect(report.interleavings).toBeGreaterThanOrEqual(interleavingsMin);
  expect(kmem.unplaced, "accesses that could not be scheduled").toEqual([]);
}

describe("the lock", () => {
  it.each([
    [2, 1, 4],
    [2, 2, 80],
    [3, 1, 200],
  ])("keeps %d threads apart, %d times each, and wakes them all", (threadCount, rounds, interleavingsMin) => {
    const kmem = new Kmem({ constants: SPIN_ONCE });
    const scenario = lockRounds(kmem.library, threadCount, rounds) as unknown as Case["scenario"];
    expectClean({ kmem, scenario, interleavingsMin });
  });
});

describe("the queuing lock", () => {
  const ticketKmem = new Kmem({
    entries: ["cluster/ticket-lock.ts"],
    constants: { ...SPIN_ONCE, "cluster/ticket-lock.ts SPIN_LIMIT": "1" },
  });

  // All that a thread does to draw a ticket and to wait for it, and one more: it dies while it holds the lock.
  it.each(Array.from({ length: 10 }, (_, accesses) => accesses))(
    "passes over a thread that dies after %d accesses",
    (accessesMade) => {
      const scenario = ticketsOfTheDead(ticketKmem, 3, accessesMade) as unknown as Case["scenario"];
      expectClean({ kmem: ticketKmem, scenario, interleavingsMin: 10, testRuns: TICKET_RUNS });
    },
  );
});

describe("a thread that trims", () => {
  it.each(["sheaf", "slab"] as const)(
    "goes by a cache that another destroys, random schedules, object in a %s",
    (place) => {
      const kmem = new Kmem({ constants: SPIN_ONCE });
      const { failure } = runAtRandom(kmem.library.runtime, () => trimWhileDestroyed(kmem, place), {
        seeds: TRIM_SEEDS,
        firstSeed: 1,
      });
      expect(failure && failureText(kmem.library, failure)).toBe(undefined);
    },
  );
});

const kmem = new Kmem({ areLocksAbstract: true, constants: NO_ASSERTIONS });

describe.each(Object.entries(heapCases(kmem)))("two threads on one heap: %s", (_subject, cases) => {
  it.each(cases.map((item) => [item.scenario.name, item] as const))("%s", (_name, item) => {
    expectClean({ ...item, kmem });
  });
});

describe("without locks", () => {
  const lockless = new Kmem({ areLocksMissing: true, constants: NO_ASSERTIONS });

  it.each([allocTogether(lockless), refillTogether(lockless)])("the explorer finds it: $name", (scenario) => {
    const { failures } = lockless.explore(scenario);
    expect(failures).toHaveLength(1);
    const [{ problems, schedule }] = failures as [Failure];
    expect(replay(lockless.library.runtime, scenario, schedule).problems).toEqual(problems);
  });
});

describe("random threads on one heap", () => {
  it("leave it whole, by random schedules, with the library's own locks", () => {
    const whole = new Kmem({ constants: SPIN_ONCE });
    const startMs = performance.now();
    const report = runAtRandom(whole.library.runtime, (seed) => randomOperations(whole, seed), {
      seeds: RANDOM_SEEDS,
      firstSeed: 1,
    });
    const { failure, runs, steps } = report;
    lines.push(`${report.name}: ${runs} runs, ${steps} steps, ${Math.round(performance.now() - startMs)} ms`);
    const text = failure === undefined ? "" : `seed ${failure.seed}\n${failureText(whole.library, failure)}`;
    expect(text).toBe("");
    expect(steps).toBeGreaterThan(RANDOM_SEEDS * 100);
  });
});
