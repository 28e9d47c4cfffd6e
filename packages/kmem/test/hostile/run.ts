// Calls every function of the library with values that are none: `npm run test:hostile -- [calls] [seed] [first]`.
// A round is 64 calls; `first` is the number of the first one.
import "../setup.ts";
import { argv, stdout } from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Round } from "./campaign.ts";

// Only after the set-up above: the library reads it when it is first imported.
const { HostileCampaign, HostileTotals, ROUND_CALLS } = await import("./campaign.ts");

/** A round that takes longer hangs. */
const PATIENCE_MS = 120_000;
/** Rounds between two lines of progress. */
const PROGRESS_ROUNDS = 100;
const DEFAULT_CALLS = 100_000;

interface Orders {
  readonly rounds: number;
  readonly seed: number;
  readonly first: number;
}

/** Runs the rounds in a thread of their own, so that one that does not end can be told. */
function supervise(orders: Orders): void {
  const totals = new HostileTotals();
  const worker = new Worker(new URL(import.meta.url), { workerData: orders });
  const end = orders.first + orders.rounds;
  let next = orders.first;
  const giveUp = (): void => {
    stdout.write(`round ${next}: no end after ${PATIENCE_MS / 1000} s\n`);
    process.exitCode = 1;
    void worker.terminate();
  };
  let watchdog = setTimeout(giveUp, PATIENCE_MS);
  worker.on("message", (round: Round) => {
    clearTimeout(watchdog);
    totals.add(round);
    next = round.number + 1;
    for (const fault of round.faults) stdout.write(`${fault}\n`);
    if (next % PROGRESS_ROUNDS === 0) stdout.write(`${next}: ${totals.text}\n`);
    if (next < end) watchdog = setTimeout(giveUp, PATIENCE_MS);
  });
  worker.on("error", (error: Error) => {
    clearTimeout(watchdog);
    stdout.write(`round ${next}: ${error.stack}\n`);
    process.exitCode = 1;
  });
  worker.on("exit", () => {
    stdout.write(`seed ${orders.seed}: ${totals.text}\n`);
    if (totals.faults > 0 || next < end) process.exitCode = 1;
  });
}

async function work({ rounds, seed, first }: Orders): Promise<void> {
  const campaign = await HostileCampaign.create(seed);
  for (let number = first; number < first + rounds; number++) parentPort!.postMessage(await campaign.round(number));
}

if (isMainThread) {
  const [calls = DEFAULT_CALLS, seed = 1, first = 0] = argv.slice(2).map(Number);
  supervise({ rounds: Math.ceil(calls / ROUND_CALLS), seed, first });
} else await work(workerData as Orders);
