import type { Runtime } from "../runtime/runtime.ts";
import type { VirtualThread } from "../runtime/virtual-thread.ts";
import { Runner } from "./run.ts";
import type { Scenario } from "./scenario.ts";

/** A thread that is killed, and what is done about it. */
export interface KillScenario<World> {
  /** Its thread 0 is the one to be killed; the others, if any, begin when it is dead. */
  readonly victim: Scenario<World>;
  /** Runs when no thread can go on; plainly, through what else is attached. Says what is wrong, in sentences. */
  recover(world: World): readonly string[];
}

export interface KillReport {
  /** Places at which the victim was killed. */
  readonly kills: number;
  readonly failures: readonly { readonly storesMade: number; readonly problems: readonly string[] }[];
}

/**
 * Runs the scenario again and again, and kills its first thread after its first store, after its second, and so on, as
 * a worker that is terminated: it never runs on, and no `finally` of it runs. Ends when the victim lives to its end.
 */
export function killAfterEachStore<World>(runtime: Runtime, { victim, recover }: KillScenario<World>): KillReport {
  const failures: { storesMade: number; problems: readonly string[] }[] = [];
  for (let storesMade = 1; ; storesMade++) {
    const { machine, world } = new Runner(runtime, victim).begin();
    const thread = machine.threads[0] as VirtualThread;
    thread.killAfterStores = storesMade;
    machine.startThread(0);
    while ((machine.enabled() & thread.bit) !== 0) machine.step(0);
    if (thread.state !== "killed") return { kills: storesMade - 1, failures };
    for (const other of machine.threads.slice(1)) machine.startThread(other.number);
    for (let enabled = machine.enabled(); enabled !== 0; enabled = machine.enabled()) {
      machine.step(31 - Math.clz32(enabled & -enabled));
    }
    const problems = recover(world);
    if (problems.length > 0) failures.push({ storesMade, problems });
  }
}
