import { Random } from "../../support/random.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { TrackedMemories } from "../runtime/tracked-memory.ts";
import type { Event } from "./machine.ts";
import { type Failure, Runner } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { formatTurns, turnsOf } from "./schedule.ts";

export interface RandomReport {
  readonly name: string;
  readonly runs: number;
  readonly steps: number;
  /** The first run that went wrong, with its seed. */
  readonly failure: (Failure & { readonly seed: number }) | undefined;
}

/** Threads change after so many steps on the average: runs with few changes find what many changes hide. */
const CHANGE_EVERY = [2, 8, 64];
/** A run of more steps than this has lost its way. */
const STEP_LIMIT = 5_000_000;

/** A seed is run again while its runs find new shared places, at most so often. */
const RUNS_PER_SEED = 4;

/**
 * Runs a scenario, made from a seed, for each of `seeds` seeds from `firstSeed` on, by random schedules. Nothing is
 * carried over from one seed to the next, so that a seed alone has the same runs again.
 */
export function runAtRandom<World>(
  runtime: Runtime,
  scenarioOf: (seed: number) => Scenario<World>,
  { seeds, firstSeed }: { seeds: number; firstSeed: number },
): RandomReport {
  let steps = 0;
  let runs = 0;
  let name = "";
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const scenario = scenarioOf(seed);
    name = scenario.name;
    runtime.memories = new TrackedMemories();
    for (let run = 0, known = -1; run < RUNS_PER_SEED && runtime.memories.sharedCount > known; run++, runs++) {
      known = runtime.memories.sharedCount;
      const result = runOnce(runtime, scenario, new Random(seed));
      steps += result.events.length;
      if (result.problems.length > 0) return { name, runs: runs + 1, steps, failure: { seed, ...result } };
    }
  }
  return { name, runs, steps, failure: undefined };
}

function runOnce<World>(runtime: Runtime, scenario: Scenario<World>, random: Random): Failure {
  const runner = new Runner(runtime, scenario);
  const { machine, world } = runner.begin();
  machine.start();
  const events: Event[] = [];
  const changeEvery = random.pick(CHANGE_EVERY);
  let thread = random.below(machine.threads.length);
  const result = (problems: readonly string[]): Failure => {
    return { events, problems, schedule: formatTurns(turnsOf(events, machine.threads.length)) };
  };
  for (let enabled = machine.enabled(); enabled !== 0; enabled = machine.enabled()) {
    if ((enabled & (1 << thread)) === 0 || random.below(changeEvery) === 0) {
      thread = random.pick(machine.threads.map(({ number }) => number).filter((number) => (enabled >> number) & 1));
    }
    events.push(machine.step(thread));
    if (events.length > STEP_LIMIT) return result(["the run does not come to an end"]);
  }
  return result(runner.end(machine, world));
}
