import { extname } from "node:path";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { describeEnvironment } from "kmem-cli/internal/replay/environment";
import type { CampaignOptions } from "./campaign-thread.ts";
import { HEAP_CONFIGS } from "./heap-configs.ts";
import type { CampaignSettings } from "./kill-campaign.ts";
import { type HeapKillReport, KILL_REPORT_VERSION, type KillFigures, type KillReport } from "./report.ts";

const THREAD_URL = new URL(`./campaign-thread${extname(import.meta.url)}`, import.meta.url);
const MS_PER_SECOND = 1000;
/** Above what the campaign itself allows its threads: then it is the campaign's own main thread that hangs. */
const SILENCE_MS = 300_000;

/** What the main thread of a campaign posts. */
interface Message {
  readonly killCount: number;
  /** With the last message. */
  readonly figures?: KillFigures;
}

/** Kills threads on heaps of each kind in turn, or of those named; `onProgress` is told how many have died in all. */
export async function runKill(
  settings: CampaignSettings,
  onProgress: (killCount: number, heap: string) => void,
  names: readonly string[] = HEAP_CONFIGS.map(({ name }) => name),
): Promise<KillReport> {
  const startMs = performance.now();
  const heaps: HeapKillReport[] = [];
  let before = 0;
  for (const [index, name] of names.entries()) {
    const configIndex = HEAP_CONFIGS.findIndex((one) => one.name === name);
    const options = { ...settings, configIndex, killCount: shareOf(settings.killCount, index, names.length) };
    const figures = await killIn(options, (killCount) => onProgress(before + killCount, name));
    heaps.push({ name, ...figures });
    before += options.killCount;
  }
  return {
    schema: "kmem-kill",
    version: KILL_REPORT_VERSION,
    environment: describeEnvironment(),
    settings,
    seconds: (performance.now() - startMs) / MS_PER_SECOND,
    heaps,
  };
}

/** Kills are divided evenly. */
function shareOf(killCount: number, index: number, heapCount: number): number {
  return Math.floor(killCount / heapCount) + (index < killCount % heapCount ? 1 : 0);
}

function killIn(workerData: CampaignOptions, onProgress: (killCount: number) => void): Promise<KillFigures> {
  const worker = new Worker(THREAD_URL, { workerData });
  let killCount = 0;
  return new Promise((resolve) => {
    const end = (figures: KillFigures): void => {
      clearTimeout(silence);
      resolve(figures);
      void worker.terminate();
    };
    const silence = setTimeout(
      () => end(failed(killCount, 1, `the main thread has said nothing for ${SILENCE_MS / MS_PER_SECOND} s`)),
      SILENCE_MS,
    );
    worker.on("error", (error: Error) => end(failed(killCount, 0, `the main thread failed: ${error.message}`)));
    worker.on("message", (message: Message) => {
      killCount = message.killCount;
      silence.refresh();
      onProgress(killCount);
      if (message.figures !== undefined) end(message.figures);
    });
  });
}

/** What is known of a campaign that did not come to its end. */
function failed(killCount: number, hangs: number, problem: string): KillFigures {
  const nothing = { survivorOperations: 0, checkCount: 0, takenOverLocks: 0, ownedByDead: 0, returnedBlocks: 0 };
  const noFaults = { returnedPages: 0, lostBlocks: 0, lostPages: 0, findings: 0, recoveryMs: [], reapMs: [] };
  return { ...nothing, ...noFaults, killCount, killsByOperation: {}, hangs, problems: [problem] };
}
