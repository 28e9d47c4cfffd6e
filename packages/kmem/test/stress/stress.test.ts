import { describe, expect, it } from "vitest";
import { CONFIGURATIONS, type Configuration } from "./configuration.ts";
import type { Tallies } from "./control.ts";
import { StressFault } from "./holder.ts";
import { SABOTAGES, type Sabotage } from "./sabotage.ts";
import { runStress } from "./stress.ts";

/** Work for a fraction of a second of each configuration; `npm run test:stress` goes on for as long as it is told. */
const OPERATIONS = 1500;
const SCARCE_OPERATIONS = 900;
const THREADS = 4;
/** After so many operations of a thread all of them meet and the heap is checked: soon, since a run is short. */
const ROUND_OPERATIONS = 1000;

/** What a run has to come to, however long that takes. */
function goalsOf({ waits, misuse, leavePercent }: Configuration): Partial<Tallies> {
  const operations = waits ? SCARCE_OPERATIONS : OPERATIONS;
  return {
    operations,
    checks: 3,
    foreignFrees: operations / (waits ? 50 : 15),
    attaches: leavePercent > 20 ? 2 * THREADS : THREADS,
    ...(waits && { outOfMemory: 10, waitsServed: 1 }),
    ...(misuse && { refusals: 100, duels: 1 }),
  };
}

describe.each(CONFIGURATIONS)("threads at one heap: $name", (configuration) => {
  it("find every block as they left it, and leave the heap as it was when new", async () => {
    const goals = goalsOf(configuration);
    const roundOperations = Math.min(configuration.roundOperations, ROUND_OPERATIONS);
    const summary = await runStress(
      { ...configuration, roundOperations },
      { seconds: 0, goals, threads: THREADS, seed: 7 },
    );
    expect(summary.frees).toBe(summary.allocations);
    expect(summary.growths > 0).toBe((configuration.heap.maximumBytes ?? 0) > (configuration.heap.sizeBytes ?? 0));
    for (const [name, least] of Object.entries(goals)) {
      expect(summary[name as keyof Tallies], name).toBeGreaterThanOrEqual(least);
    }
  });
});

/** Far more than the stress needs to find that a heap is broken. */
const ENDLESS: Partial<Tallies> = { operations: 100_000_000 };
/** Those that leave every thread waiting, which only a watchdog finds. */
const HANGING: readonly Sabotage[] = ["does not lock", "locks for ever"];

const MISUSE = CONFIGURATIONS.find(({ name }) => name === "misuse") as Configuration;

/** Where blocks lie over each other: whichever operation is the first to see it. */
const OVERLAP = /has changed|changed byte|calloc left byte|instead of|nobody's|lost its constructed|constructed state/;

/** What a heap broken on purpose makes the stress say. */
const COMPLAINTS: Readonly<Record<Sabotage, RegExp>> = {
  "hands a block out twice": new RegExp(
    `${OVERLAP.source}|was handed out to|cannot free|no live block|the threads hold`,
  ),
  "loses a freed block": /live blocks|was not refused/,
  "loses a freed page": /pages in runs/,
  "hands out too little": OVERLAP,
  "does not clear": /calloc left byte/,
  "does not keep what is moved": /realloc of|has changed/,
  "accepts a double free": /a second free of .* was not refused/,
  "frees nothing at the end": /alloc after detach/,
  "does not lock": /has failed: |nothing has moved|is not as it was when new/,
  // A claim of pages that never succeeds is refused as a free of somebody else's, where that comes before a lock.
  "locks for ever": /nothing has moved for 4 s[\s\S]*thread 1: |has failed: /,
};

describe("the stress", () => {
  it.each(SABOTAGES)("finds a heap that %s", async (sabotage) => {
    const steady = { leavePercent: 0, reattachPercent: 0 };
    const broken = { ...MISUSE, ...steady, name: sabotage, roundOperations: 2000, sabotage };
    // Nobody detaches before the end; everything else has to be found long before.
    const goals = sabotage === "frees nothing at the end" ? {} : ENDLESS;
    const watchdog = HANGING.includes(sabotage) ? { watchdogMs: 4000 } : {};
    const options = { seconds: 0, goals, threads: 2, seed: 3, ...watchdog };
    const error: unknown = await runStress(broken, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StressFault);
    expect((error as StressFault).message).toMatch(COMPLAINTS[sabotage]);
  });

  it("ends without a fault where nothing is broken, with any number of threads", async () => {
    const sound = { ...MISUSE, roundOperations: 2000 };
    for (const threads of [1, 3]) {
      const summary = await runStress(sound, { seconds: 0, goals: { operations: 4000 }, threads, seed: 3 });
      expect(summary.checks).toBeGreaterThan(0);
    }
  });
});
