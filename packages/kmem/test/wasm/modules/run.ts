// Mutated modules through adopt: `npm run test:modules -- [count] [seed] [first]`.
import { argv, memoryUsage, stdout } from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { programModules, smallModules } from "./base-modules.ts";
import { ModuleCampaign, type ModuleCase } from "./campaign.ts";

/** A case that takes longer hangs. */
const PATIENCE_MS = 60_000;
const PROGRESS_CASES = 1000;
/** Of so many mutants one is of a whole program. */
const SMALL_FOR_ONE_LARGE = 9;

interface Orders {
  readonly count: number;
  readonly seed: number;
  readonly first: number;
}

function supervise(orders: Orders): void {
  const worker = new Worker(new URL(import.meta.url), { workerData: orders });
  const totals = { cases: 0, valid: 0, adopted: 0, refused: 0, faults: 0, longestMs: 0 };
  const text = (): string =>
    `${totals.cases} modules, seed ${orders.seed}: ${totals.valid} valid, ${totals.adopted} adopted, ` +
    `${totals.refused} refused, ${totals.faults} faults; the longest took ${Math.round(totals.longestMs)} ms, ` +
    `at most ${Math.round(memoryUsage.rss() / 2 ** 20)} MiB resident\n`;
  const giveUp = (): void => {
    stdout.write(`${orders.first + totals.cases}: no end after ${PATIENCE_MS / 1000} s\n`);
    process.exitCode = 1;
    void worker.terminate();
  };
  let watchdog = setTimeout(giveUp, PATIENCE_MS);
  worker.on("message", (one: ModuleCase) => {
    clearTimeout(watchdog);
    totals.cases++;
    totals.valid += Number(one.isValid);
    totals[one.outcome]++;
    totals.longestMs = Math.max(totals.longestMs, one.ms);
    if (one.fault !== undefined) {
      totals.faults++;
      stdout.write(`${one.number} (${one.name}): ${one.fault}\n`);
    }
    if (totals.cases % PROGRESS_CASES === 0) stdout.write(text());
    if (totals.cases < orders.count) watchdog = setTimeout(giveUp, PATIENCE_MS);
  });
  worker.on("error", (error: Error) => {
    stdout.write(`the campaign itself broke: ${error.stack}\n`);
    process.exitCode = 1;
  });
  worker.on("exit", () => {
    clearTimeout(watchdog);
    stdout.write(text());
    if (totals.faults > 0) process.exitCode = 1;
  });
}

function work({ count, seed, first }: Orders): void {
  const small = new ModuleCampaign(seed, smallModules());
  const large = new ModuleCampaign(seed, programModules());
  for (let number = first; number < first + count; number++) {
    const campaign = number % (SMALL_FOR_ONE_LARGE + 1) === SMALL_FOR_ONE_LARGE ? large : small;
    parentPort?.postMessage(campaign.run(number));
  }
}

if (isMainThread) {
  const [count = 10_000, seed = Date.now() % 1000, first = 0] = argv.slice(2).map(Number);
  supervise({ count, seed, first });
} else {
  work(workerData as Orders);
}
