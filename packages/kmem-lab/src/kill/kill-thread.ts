import { parentPort, workerData } from "node:worker_threads";
import { Killing, type KillingSettings } from "./killing.ts";
import { KILL_WORLDS } from "./worlds.ts";

// The main thread of a killing, which has a thread of its own, so that whoever started it finds out when it hangs.

/** What the thread is started with. */
export interface KillThreadOrders extends KillingSettings {
  /** Index of its heap in {@link KILL_WORLDS}. */
  readonly world: number;
}

const { world, ...settings } = workerData as KillThreadOrders;
const killing = new Killing(KILL_WORLDS[world]!, settings);
const figures = await killing.run((killCount) => parentPort?.postMessage({ killCount }));
parentPort?.postMessage({ killCount: figures.killCount, figures });
