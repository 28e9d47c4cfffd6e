// Mutated dumps through every command: `npm run test:dumps -- [count] [seed] [first]`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, stdout } from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { DumpCase } from "./campaign.ts";
import { countStepsOfModules } from "./steps.ts";

/** A case that takes longer hangs in what no step counts. */
const PATIENCE_MS = 600_000;
const PROGRESS_CASES = 1000;

interface Orders {
  readonly count: number;
  readonly seed: number;
  readonly first: number;
  readonly folder: string;
}

function supervise(orders: Orders): void {
  const worker = new Worker(new URL(import.meta.url), { workerData: orders });
  const totals = { cases: 0, read: 0, refused: 0, faults: 0, longestMs: 0 };
  const text = (): string =>
    `${totals.cases} dumps, seed ${orders.seed}: ${totals.read} read, ${totals.refused} refused, ` +
    `${totals.faults} faults; the longest took ${Math.round(totals.longestMs)} ms`;
  const giveUp = (): void => {
    stdout.write(`${orders.first + totals.cases}: no end after ${PATIENCE_MS / 1000} s\n`);
    process.exitCode = 1;
    void worker.terminate();
  };
  let watchdog = setTimeout(giveUp, PATIENCE_MS);
  worker.on("message", (one: DumpCase) => {
    clearTimeout(watchdog);
    totals.cases++;
    totals.read += one.read;
    totals.refused += one.refused;
    totals.faults += one.faults.length;
    totals.longestMs = Math.max(totals.longestMs, one.ms);
    for (const fault of one.faults) stdout.write(`${one.number}: ${one.name}: ${fault}\n`);
    if (totals.cases % PROGRESS_CASES === 0) stdout.write(`${text()}\n`);
    if (totals.cases < orders.count) watchdog = setTimeout(giveUp, PATIENCE_MS);
  });
  worker.on("error", (error: Error) => {
    stdout.write(`the campaign itself broke: ${error.stack}\n`);
    process.exitCode = 1;
  });
  worker.on("exit", () => {
    clearTimeout(watchdog);
    rmSync(orders.folder, { recursive: true, force: true });
    stdout.write(`${text()}\n`);
    if (totals.faults > 0) process.exitCode = 1;
  });
}

async function work({ count, seed, first, folder }: Orders): Promise<void> {
  const budget = countStepsOfModules();
  const { DumpCampaign } = await import("./campaign.ts");
  const campaign = new DumpCampaign(budget, seed, folder);
  await campaign.prepare();
  for (let number = first; number < first + count; number++) parentPort?.postMessage(await campaign.run(number));
}

if (isMainThread) {
  const [count = 20_000, seed = Date.now() % 1000, first = 0] = argv.slice(2).map(Number);
  supervise({ count, seed, first, folder: mkdtempSync(join(tmpdir(), "kmem-dumps-")) });
} else {
  await work(workerData as Orders);
}
