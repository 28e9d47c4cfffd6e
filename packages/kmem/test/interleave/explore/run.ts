import type { Runtime } from "../runtime/runtime.ts";
import { type Event, Machine } from "./machine.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { formatTurns, parseTurns } from "./schedule.ts";
import { Snapshot } from "./snapshot.ts";

/** A run and what was wrong with it. */
export interface Failure {
  readonly problems: readonly string[];
  readonly events: readonly Event[];
  /** What {@link replay} needs to have it again. */
  readonly schedule: string;
}

/** Runs of one scenario, one after the other. */
export class Runner<World> {
  readonly #runtime: Runtime;
  readonly #scenario: Scenario<World>;
  readonly #verdicts = new Map<string, readonly string[]>();
  #world: World | undefined;
  #snapshots: readonly Snapshot[] = [];

  constructor(runtime: Runtime, scenario: Scenario<World>) {
    this.#runtime = runtime;
    this.#scenario = scenario;
  }

  /** Sets the scenario up; its threads have not begun. */
  begin(): { machine: Machine; world: World } {
    const scenario = this.#scenario;
    if (this.#world === undefined) {
      this.#runtime.beginRun();
      this.#world = scenario.setUp();
      this.#snapshots = (scenario.memories?.(this.#world) ?? []).map((buffer) => new Snapshot(buffer));
    } else {
      for (const snapshot of this.#snapshots) snapshot.restore();
    }
    const world = this.#world;
    const bodies = scenario.threads.map((thread) => thread(world));
    return { machine: new Machine(this.#runtime, bodies, scenario), world };
  }

  /** The verdict on a run that has ended. */
  end(machine: Machine, world: World): readonly string[] {
    const outcome = outcomeOf(machine);
    const canReuse = this.#snapshots.length > 0 && outcome.unfinished.length === 0;
    if (!canReuse) this.abandon();
    if (this.#snapshots.length === 0) return this.#scenario.verdict(world, outcome);
    const key = `${this.#snapshots.map((snapshot) => snapshot.digest()).join()} ${describeOutcome(outcome)}`;
    let problems = this.#verdicts.get(key);
    if (problems === undefined) {
      problems = this.#scenario.verdict(world, outcome);
      this.#verdicts.set(key, problems);
    }
    return problems;
  }

  /** Forgets the world of a run that was given up half-way, whose objects may be in any state. */
  abandon(): void {
    this.#world = undefined;
  }

  /** End states seen so far, where they are told apart. */
  get endStateCount(): number {
    return this.#verdicts.size;
  }
}

function describeOutcome({ results, errors, unfinished, idleTimeouts }: Outcome): string {
  return JSON.stringify([results, errors.map(String), unfinished, idleTimeouts]);
}

function outcomeOf(machine: Machine): Outcome {
  const { threads, idleTimeouts } = machine;
  return {
    results: threads.map((thread) => thread.result),
    errors: threads.map((thread) => thread.error),
    unfinished: threads.filter((thread) => !thread.isOver).map((thread) => thread.number),
    idleTimeouts,
  };
}

/** Has a run again by its schedule. */
export function replay<World>(runtime: Runtime, scenario: Scenario<World>, schedule: string): Failure {
  const turns = parseTurns(schedule);
  runtime.isReplay = true;
  try {
    const runner = new Runner(runtime, scenario);
    const { machine, world } = runner.begin();
    const events: Event[] = [];
    const started = new Set<number>();
    for (const { thread, stopAt } of turns) playTurn(machine, thread, stopAt, started, events);
    return { problems: runner.end(machine, world), events, schedule: formatTurns(turns) };
  } finally {
    runtime.isReplay = false;
  }
}

function playTurn(machine: Machine, number: number, stopAt: number, started: Set<number>, events: Event[]): void {
  const thread = machine.threads[number];
  if (thread === undefined) throw new RangeError(`the schedule names thread ${number}, which there is not`);
  thread.stopAt = stopAt;
  if (!started.has(number)) machine.startThread(number);
  started.add(number);
  while ((machine.enabled() & thread.bit) !== 0 && (stopAt === 0 || thread.ordinal < stopAt)) {
    events.push(machine.step(number));
  }
}
