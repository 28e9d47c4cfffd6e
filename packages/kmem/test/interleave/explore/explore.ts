import { isConflict, type PendingAccess } from "../runtime/access.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Event, Machine } from "./machine.ts";
import { type Failure, Runner } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { formatTurns, turnsOf } from "./schedule.ts";
import { type ClockedEvent, initialThreads, Trace } from "./trace.ts";

export interface ExploreOptions {
  /** Runs every schedule, also those that differ in the order of accesses whose order cannot matter. */
  readonly isNaive?: boolean;
  /** Goes on after a run that went wrong, and collects so many of them. Default: ends with the first. */
  readonly failureLimit?: number;
  /** Gives up after so many runs; the report then says that it is not complete. */
  readonly runLimit?: number;
  /** Told of each complete run. */
  readonly onRun?: (events: readonly ClockedEvent[], world: unknown) => void;
}

export interface ExploreReport {
  readonly name: string;
  /** Complete runs, no two of which are the same but for the order of accesses that do not conflict. */
  readonly interleavings: number;
  /** Runs given up because they could lead to nothing new. */
  readonly prunedRuns: number;
  readonly steps: number;
  readonly longestFreeRange: number;
  /** Different contents of memory and results that runs have ended with; 0 where they are not told apart. */
  readonly endStates: number;
  /** Bytes that two threads access, one of them writing. */
  readonly sharedBytes: number;
  /** Times the exploration started over because a run had found more shared bytes. */
  readonly restarts: number;
  /** Also those of runs before a restart. */
  readonly failures: readonly Failure[];
  /** Whether every interleaving was run. */
  readonly isComplete: boolean;
}

/** A run of more steps than this goes round in circles. */
const RUN_STEPS_LIMIT = 1_000_000;

/** A state between two events, on the path that is being explored. */
interface Node {
  readonly enabled: number;
  /** Threads to try here. */
  backtrack: number;
  /** Threads that have been tried here. */
  done: number;
  /** Threads whose next step here leads only to what has been run already, with that step. */
  readonly asleep: Map<number, PendingAccess | undefined>;
  chosen: number;
  chosenAccess: PendingAccess | undefined;
}

/**
 * Runs a scenario in every order of its conflicting accesses: depth first and without stored states, each run from the
 * beginning. Orders that differ only in accesses without conflict are run once (source-set dynamic partial-order
 * reduction with sleep sets, after Abdulla, Aronis, Jonsson and Sagonas). Which places are shared is learned on the
 * way: a run that finds a new one starts the exploration over.
 */
export function explore<World>(
  runtime: Runtime,
  scenario: Scenario<World>,
  options: ExploreOptions = {},
): ExploreReport {
  return new Exploration(runtime, scenario, options).all();
}

class Exploration<World> {
  readonly #runtime: Runtime;
  readonly #scenario: Scenario<World>;
  readonly #options: ExploreOptions;
  readonly #runner: Runner<World>;
  #nodes: Node[] = [];
  #trace = new Trace();
  #interleavings = 0;
  #prunedRuns = 0;
  #runs = 0;
  #steps = 0;
  #longestFreeRange = 0;
  #restarts = 0;
  #failures: Failure[] = [];

  constructor(runtime: Runtime, scenario: Scenario<World>, options: ExploreOptions) {
    this.#runtime = runtime;
    this.#scenario = scenario;
    this.#options = options;
    this.#runner = new Runner(runtime, scenario);
  }

  all(): ExploreReport {
    const { runLimit = Number.POSITIVE_INFINITY, failureLimit = 1 } = this.#options;
    const { memories } = this.#runtime;
    let isComplete = false;
    while (!isComplete && this.#runs < runLimit && this.#failures.length < failureLimit) {
      const sharedBefore = memories.sharedCount;
      this.#run();
      if (memories.sharedCount > sharedBefore) this.#restart();
      else isComplete = !this.#advance();
    }
    return {
      name: this.#scenario.name,
      interleavings: this.#interleavings,
      prunedRuns: this.#prunedRuns,
      steps: this.#steps,
      longestFreeRange: this.#longestFreeRange,
      endStates: this.#runner.endStateCount,
      sharedBytes: memories.sharedCount,
      restarts: this.#restarts,
      failures: this.#failures,
      isComplete,
    };
  }

  #restart(): void {
    this.#nodes = [];
    this.#trace = new Trace();
    this.#interleavings = 0;
    this.#prunedRuns = 0;
    this.#restarts++;
  }

  /** One run: along the path up to its last node, whose choice is new, and on from there by default choices. */
  #run(): void {
    this.#runs++;
    const { machine, world } = this.#runner.begin();
    machine.start();
    const pathLength = this.#nodes.length;
    for (let depth = 0; depth < pathLength; depth++) {
      const node = this.#nodes[depth] as Node;
      if ((machine.enabled() & (1 << node.chosen)) === 0) throw new Error("a run cannot be had again");
      node.chosenAccess = machine.pendingOf(node.chosen);
      const event = machine.step(node.chosen);
      this.#steps++;
      if (depth === pathLength - 1) this.#arrive(event, machine);
      else verifySame(this.#trace.events[depth] as ClockedEvent, event);
    }
    while (this.#extend(machine)) {
      this.#steps++;
      if (this.#nodes.length > RUN_STEPS_LIMIT) throw new Error(`a run of ${this.#scenario.name} does not end`);
    }
    this.#longestFreeRange = Math.max(this.#longestFreeRange, this.#nodes.length);
    if (machine.enabled() !== 0) {
      this.#prunedRuns++;
      this.#runner.abandon();
      return;
    }
    this.#interleavings++;
    this.#options.onRun?.(this.#trace.events, world);
    const problems = this.#runner.end(machine, world);
    if (problems.length === 0) return;
    const schedule = formatTurns(turnsOf(this.#trace.events, machine.threads.length));
    this.#failures.push({ problems, events: [...this.#trace.events], schedule });
  }

  /** Makes one step more; false where no thread can make one, or only threads that are asleep. */
  #extend(machine: Machine): boolean {
    const enabled = machine.enabled();
    const asleep = this.#inheritedSleep();
    let choices = enabled;
    for (const thread of asleep.keys()) choices &= ~(1 << thread);
    if (choices === 0) return false;
    const previous = this.#trace.events.at(-1)?.thread ?? 0;
    const chosen = (choices & (1 << previous)) !== 0 ? previous : 31 - Math.clz32(choices & -choices);
    const chosenAccess = machine.pendingOf(chosen);
    const backtrack = this.#options.isNaive === true ? enabled : 1 << chosen;
    this.#nodes.push({ enabled, backtrack, done: 0, asleep, chosen, chosenAccess });
    this.#arrive(machine.step(chosen), machine);
    return true;
  }

  /** The threads asleep after the last event: those asleep before it that do not conflict with it. */
  #inheritedSleep(): Map<number, PendingAccess | undefined> {
    const asleep = new Map<number, PendingAccess | undefined>();
    const node = this.#nodes.at(-1);
    const event = this.#trace.events.at(-1);
    if (node === undefined || event === undefined || this.#options.isNaive === true) return asleep;
    for (const [thread, access] of node.asleep) {
      if (thread === event.thread || (access !== undefined && isConflict(access, event))) continue;
      asleep.set(thread, access);
    }
    return asleep;
  }

  /** Adds an event to the trace, and to the path's nodes what its races say should be tried there. */
  #arrive(event: Event, machine: Machine): void {
    const races = this.#trace.add(event, machine.threads.length);
    if (this.#options.isNaive === true) return;
    for (const race of races) {
      const node = this.#nodes[race] as Node;
      const initials = initialThreads(this.#trace.events, race);
      if ((initials & node.backtrack) !== 0) continue;
      const wanted = (initials & (1 << event.thread)) !== 0 ? 1 << event.thread : initials & -initials;
      node.backtrack |= (wanted & node.enabled) !== 0 ? wanted : node.enabled;
    }
  }

  /** Goes back to the deepest node with something left to try and chooses that; false where there is none. */
  #advance(): boolean {
    for (let node = this.#nodes.at(-1); node !== undefined; node = this.#nodes.at(-1)) {
      this.#trace.truncate(this.#nodes.length - 1);
      node.done |= 1 << node.chosen;
      node.asleep.set(node.chosen, node.chosenAccess);
      let choices = node.backtrack & node.enabled & ~node.done;
      if (this.#options.isNaive !== true) for (const thread of node.asleep.keys()) choices &= ~(1 << thread);
      if (choices !== 0) {
        node.chosen = 31 - Math.clz32(choices & -choices);
        return true;
      }
      this.#nodes.pop();
    }
    return false;
  }
}

function verifySame(before: Event, now: Event): void {
  if (before.thread === now.thread && before.ordinal === now.ordinal && before.site === now.site) return;
  throw new Error(`a run was not the same again: ${describe(before)} before, ${describe(now)} now`);
}

function describe({ thread, ordinal, site, request }: Event): string {
  return `${request} number ${ordinal} of thread ${thread} at site ${site}`;
}
