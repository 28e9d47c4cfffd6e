import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Random } from "../support/random.ts";
import { call } from "./call.ts";
import { type ExploreOptions, type ExploreReport, explore } from "./explore/explore.ts";
import { killAfterEachStore } from "./explore/kills.ts";
import { runAtRandom } from "./explore/random-runs.ts";
import { replay } from "./explore/run.ts";
import { type Scenario, unexpectedEnds } from "./explore/scenario.ts";
import { InstrumentedLibrary } from "./library.ts";
import type * as Counter from "./programs/counter.ts";
import type * as Locks from "./programs/locks.ts";
import { TrackedMemories } from "./runtime/tracked-memory.ts";

interface Words {
  readonly words: Int32Array;
}

const library = new InstrumentedLibrary(fileURLToPath(new URL("programs", import.meta.url)), {
  entries: ["counter.ts", "locks.ts"],
});
const { runtime } = library;
const counter = library.realm().module<typeof Counter>("counter.ts");
const locks = library.realm().module<typeof Locks>("locks.ts");

const LOCK = 0;
const OTHER_LOCK = 1;
const COUNTER = 2;

function scenario(
  threads: Scenario<Words>["threads"],
  verdict: Scenario<Words>["verdict"] = (_world, outcome) => unexpectedEnds(outcome),
  freeTimeouts = 0,
): Scenario<Words> {
  return {
    name: "a small program",
    setUp: () => ({ words: new Int32Array(new SharedArrayBuffer(32)) }),
    threads,
    verdict,
    freeTimeouts,
  };
}

function run(program: Scenario<Words>, options: ExploreOptions = {}): ExploreReport {
  runtime.memories = new TrackedMemories();
  return explore(runtime, program, options);
}

/** Wants so many counted, in whatever order. */
function counts(expected: number): Scenario<Words>["verdict"] {
  return ({ words }, outcome) => [
    ...unexpectedEnds(outcome),
    ...(words[COUNTER] === expected ? [] : [`counted ${words[COUNTER]} of ${expected}`]),
  ];
}

function twice<Item>(item: Item): Item[] {
  return [item, item];
}

function binomial(n: number, k: number): number {
  return k === 0 ? 1 : (binomial(n - 1, k - 1) * n) / k;
}

describe("the explorer", () => {
  it("finds a lost update, and has it again by its schedule", () => {
    const program = scenario(
      twice(({ words }) => call(counter, "increment", words, COUNTER)),
      counts(2),
    );
    const { failures } = run(program);
    expect(failures[0]?.problems).toEqual(["counted 1 of 2"]);
    const schedule = failures[0]?.schedule ?? "";
    expect(schedule).toMatch(/^0:1 1:1 (0:2 1 0|1:2 0 1)$/);
    expect(replay(runtime, program, schedule).problems).toEqual(["counted 1 of 2"]);
    expect(replay(runtime, program, "0 1").problems).toEqual([]);
  });

  it("finds nothing wrong with atomic additions", () => {
    const report = run(
      scenario(
        twice(({ words }) => call(counter, "incrementAtomically", words, COUNTER)),
        counts(2),
      ),
    );
    expect(report).toMatchObject({ failures: [], isComplete: true, interleavings: 2 });
  });

  it("runs as many interleavings as can be counted by hand", () => {
    const writes = (times: number, word: number) => (world: Words) =>
      call(counter, "writeTimes", world.words, word, times);
    const read = ({ words }: Words): Generator => call(counter, "read", words, COUNTER);
    const write = ({ words }: Words): Generator => call(counter, "write", words, COUNTER, 1);
    expect(run(scenario([writes(3, 0), writes(3, 1)])).interleavings, "nothing shared").toBe(1);
    for (const [m, n] of [
      [1, 1],
      [2, 3],
      [4, 4],
      [5, 2],
    ] as const) {
      const report = run(scenario([writes(m, COUNTER), writes(n, COUNTER)]));
      expect(report.interleavings, `${m} and ${n} writes`).toBe(binomial(m + n, m));
      expect(report.isComplete).toBe(true);
    }
    expect(run(scenario([write, read, read])).interleavings, "a writer, two readers").toBe(4);
    expect(run(scenario([read, read, read])).interleavings, "readers").toBe(1);
    expect(run(scenario([write, write, write])).interleavings, "three writers").toBe(6);
  });

  it("without reduction runs every schedule", () => {
    const increments = scenario(twice(({ words }: Words) => call(counter, "increment", words, COUNTER)));
    expect(run(increments, { isNaive: true }).interleavings).toBe(binomial(4, 2));
    expect(run(increments).interleavings).toBe(4);
  });

  it("keeps to sequential consistency: of two threads that raise a flag each, one sees the other's", () => {
    const seen = new Set<string>();
    const report = run(
      scenario(
        [
          ({ words }) => call(counter, "raiseThenLook", words, 0, 1),
          ({ words }) => call(counter, "raiseThenLook", words, 1, 0),
        ],
        (_world, { results }) => {
          seen.add(results.join());
          return [];
        },
      ),
    );
    expect(report.interleavings).toBe(3);
    expect([...seen].sort()).toEqual(["0,1", "1,0", "1,1"]);
  });

  it("with its reduction reaches every end that all schedules reach, on random programs", () => {
    const random = new Random(20);
    const orders = ["load", "store", "add", "swap", "increment"];
    let reduced = 0;
    for (let number = 0; number < 60; number++) {
      const threadCount = number % 3 === 0 ? 3 : 2;
      const lists = Array.from({ length: threadCount }, () =>
        Array.from({ length: threadCount === 3 ? 2 : 3 }, () => [random.pick(orders), random.below(2)] as const),
      );
      const ends = (options: ExploreOptions): [string, number] => {
        const found = new Set<string>();
        const report = run(
          scenario(
            lists.map(
              (list) =>
                ({ words }) =>
                  call(counter, "obey", words, list),
            ),
            ({ words }, { results }) => {
              found.add(JSON.stringify([[...words], results]));
              return [];
            },
          ),
          options,
        );
        expect(report.isComplete).toBe(true);
        return [[...found].sort().join(" "), report.interleavings];
      };
      const [allEnds, schedules] = ends({ isNaive: true });
      const [reducedEnds, interleavings] = ends({});
      expect(reducedEnds).toBe(allEnds);
      expect(interleavings).toBeLessThanOrEqual(schedules);
      reduced += Number(interleavings < schedules);
    }
    expect(reduced).toBeGreaterThan(30);
  });
});

describe("locks under the explorer", () => {
  type Acquire = "acquire" | "acquireForgetful" | "acquireInTwoSteps" | "acquireSpinning";
  const workers = (acquire: Acquire, count: number): Scenario<Words> =>
    scenario(
      Array.from(
        { length: count },
        () =>
          ({ words }) =>
            call(locks, "workUnder", locks[acquire], words, LOCK, COUNTER),
      ),
      counts(count),
    );

  it.each([2, 3])("passes a right one with %d threads", (count) => {
    const report = run(workers("acquire", count), { runLimit: 20_000 });
    expect(report).toMatchObject({ failures: [], isComplete: true });
    expect(report.interleavings).toBeGreaterThan(count === 2 ? 5 : 300);
  });

  it("passes a right one that spins, and does not spin for ever", () => {
    const report = run(workers("acquireSpinning", 2));
    expect(report).toMatchObject({ failures: [], isComplete: true });
  });

  it("finds a lost wake-up, with three threads and not with two", () => {
    expect(run(workers("acquireForgetful", 2))).toMatchObject({ failures: [], isComplete: true });
    const { failures } = run(workers("acquireForgetful", 3));
    expect(failures[0]?.problems.join()).toMatch(/thread \d waits for ever/);
  });

  it("finds a lock that two threads hold", () => {
    const { failures } = run(workers("acquireInTwoSteps", 2));
    expect(failures[0]?.problems).toContain("counted 1 of 2");
  });

  it("finds two threads that wait for each other's lock", () => {
    const { failures } = run(
      scenario([
        ({ words }) => call(locks, "nest", words, LOCK, OTHER_LOCK, COUNTER),
        ({ words }) => call(locks, "nest", words, OTHER_LOCK, LOCK, COUNTER),
      ]),
    );
    expect(failures[0]?.problems).toEqual(["thread 0 waits for ever", "thread 1 waits for ever"]);
    const sameOrder = twice(({ words }: Words) => call(locks, "nest", words, LOCK, OTHER_LOCK, COUNTER));
    expect(run(scenario(sameOrder, counts(2)))).toMatchObject({ failures: [], isComplete: true });
  });
});

describe("sleep under the explorer", () => {
  const sleepers = (isLate: boolean, timeoutMs: number, freeTimeouts: number, answers: Set<unknown>): Scenario<Words> =>
    scenario(
      [
        ({ words }) => call(locks, "sleepWhileZero", words, 0, timeoutMs),
        ({ words }) => call(locks, "announce", words, 0, isLate),
      ],
      (_world, outcome) => {
        answers.add(outcome.results[0]);
        return unexpectedEnds(outcome);
      },
      freeTimeouts,
    );

  it("ends by a notification, or does not begin", () => {
    const answers = new Set<unknown>();
    expect(run(sleepers(false, Number.POSITIVE_INFINITY, 0, answers)).failures).toEqual([]);
    expect([...answers].sort()).toEqual(["not-equal", "ok"]);
  });

  it("is for ever when the notification came first", () => {
    const { failures } = run(sleepers(true, Number.POSITIVE_INFINITY, 0, new Set()));
    expect(failures[0]?.problems).toEqual(["thread 0 waits for ever"]);
  });

  it("ends by its timeout at any time where that is allowed, else when nothing else can happen", () => {
    const answers = new Set<unknown>();
    expect(run(sleepers(false, 5, 1, answers)).failures).toEqual([]);
    expect([...answers].sort()).toEqual(["not-equal", "ok", "timed-out"]);
    const { failures } = run(sleepers(true, 5, 0, new Set()));
    expect(failures[0]?.problems).toEqual(["1 sleeps ended by nothing but their timeout"]);
  });
});

describe("random schedules", () => {
  it("find a lost update, and the same run comes of the same seed and of its schedule", () => {
    const program = (): Scenario<Words> =>
      scenario(
        Array.from(
          { length: 3 },
          () =>
            ({ words }) =>
              call(counter, "increment", words, COUNTER),
        ),
        counts(3),
      );
    const found = runAtRandom(runtime, program, { seeds: 200, firstSeed: 1 }).failure;
    expect(found?.problems[0]).toMatch(/^counted [12] of 3$/);
    const again = runAtRandom(runtime, program, { seeds: 1, firstSeed: found?.seed ?? 0 }).failure;
    expect(again?.schedule).toBe(found?.schedule);
    expect(replay(runtime, program(), found?.schedule ?? "").problems).toEqual(found?.problems);
  });
});

describe("threads that are killed", () => {
  it("stop right after each of their stores, and never run on", () => {
    const left: number[] = [];
    const report = killAfterEachStore(runtime, {
      victim: scenario([({ words }) => call(counter, "writeTimes", words, COUNTER, 4)]),
      recover: ({ words }) => {
        left.push(words[COUNTER]);
        return [];
      },
    });
    expect(left).toEqual([1, 2, 3, 4]);
    expect(report).toEqual({ kills: 4, failures: [] });
  });

  it("leave their locks behind: that is what a recovery finds", () => {
    const report = killAfterEachStore(runtime, {
      victim: scenario([({ words }) => call(locks, "workUnder", locks.acquire, words, LOCK, COUNTER)]),
      recover: ({ words }) => (words[LOCK] === 0 ? [] : ["the lock is held by a dead thread"]),
    });
    expect(report.kills).toBe(3);
    expect(report.failures.map(({ storesMade }) => storesMade)).toEqual([1, 2]);
  });
});
