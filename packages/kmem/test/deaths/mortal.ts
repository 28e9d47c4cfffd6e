import { Machine } from "../interleave/explore/machine.ts";
import type { Runtime } from "../interleave/runtime/runtime.ts";
import type { ThreadBody, VirtualThread } from "../interleave/runtime/virtual-thread.ts";

/** How far a thread came. */
export interface LivenessBeacon {
  readonly isKilled: boolean;
  /** Stores to shared memory that it made. */
  readonly stores: number;
  /** Where each of them stands in the sources. */
  readonly storeSites: readonly number[];
  /** What it threw, where it ended by itself. */
  readonly error: unknown;
}

/**
 * Runs a thread alone up to its end, or until it has made so many stores: then it is dead, and no `finally` of it runs.
 */
export function live(runtime: Runtime, body: ThreadBody, killAfterStores = Number.POSITIVE_INFINITY): LivenessBeacon {
  const machine = new Machine(runtime, [body]);
  const thread = machine.threads[0] as VirtualThread;
  // Endless, but for a scheduler that then counts every store.
  thread.killAfterStores = Math.min(killAfterStores, Number.MAX_SAFE_INTEGER);
  machine.startThread(0);
  while ((machine.enabled() & thread.bit) !== 0) machine.step(0);
  const { stores, storeSites, error } = thread;
  return { isKilled: thread.state === "killed", stores, storeSites, error };
}
