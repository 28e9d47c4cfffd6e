import type { ThreadBody } from "../runtime/virtual-thread.ts";
import type { MachineOptions } from "./machine.ts";

/** What is left of a run when no thread can go on. */
export interface Outcome {
  /** What the body of each thread returned; undefined where it threw or did not end. */
  readonly results: readonly unknown[];
  /** What the body of each thread threw. */
  readonly errors: readonly unknown[];
  /** Numbers of the threads that did not end. */
  readonly unfinished: readonly number[];
  /** Sleeps that only their timeout ended, while no thread could do anything else: a wake-up was missing. */
  readonly idleTimeouts: number;
}

/** A small program of virtual threads and what must hold after each of its runs. */
export interface Scenario<World> extends MachineOptions {
  readonly name: string;
  /** Makes what the threads work on; not interleaved. */
  setUp(): World;
  /**
   * The memories that hold all state. With them, runs that end all alike need no set-up of their own: the bytes are put
   * back; and end states that were seen before need no verdict of their own. Leave it out where objects have state.
   */
  memories?(world: World): readonly ArrayBufferLike[];
  /** The steps of each thread. They share nothing but the managed memory: what they return, only the verdict reads. */
  readonly threads: readonly ((world: World) => ThreadBody)[];
  /** What is wrong after a run, in sentences; none where all is well. Errors and unfinished threads are up to it. */
  verdict(world: World, outcome: Outcome): readonly string[];
}

/** The complaints that nearly every verdict begins with. */
export function unexpectedEnds({ errors, unfinished, idleTimeouts }: Outcome): string[] {
  const thrown = errors.flatMap((error, thread) => (error === undefined ? [] : [`thread ${thread} threw ${error}`]));
  const stuck = unfinished.map((thread) => `thread ${thread} waits for ever`);
  const late = idleTimeouts > 0 ? [`${idleTimeouts} sleeps ended by nothing but their timeout`] : [];
  return [...thrown, ...stuck, ...late];
}
