import { parentPort, workerData } from "node:worker_threads";
import { HEAP_CONFIGS } from "./heap-configs.ts";
import { type CampaignSettings, KillCampaign } from "./kill-campaign.ts";

// The main thread of a campaign. It is a worker itself, so that the command finds out when it hangs.

/** What the thread is started with. */
export interface CampaignOptions extends CampaignSettings {
  /** Index of its heap in {@link HEAP_CONFIGS}. */
  readonly configIndex: number;
}

const { configIndex, ...settings } = workerData as CampaignOptions;
const campaign = new KillCampaign(HEAP_CONFIGS[configIndex]!, settings);
const figures = await campaign.run((killCount) => parentPort?.postMessage({ killCount }));
parentPort?.postMessage({ killCount: figures.killCount, figures });
