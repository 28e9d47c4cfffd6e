// Damages heaps and looks at what check and repair make of them: `npm run test:damage -- [count] [seed] [first]`.
import "../setup.ts";
import { argv, stdout } from "node:process";
import { setImmediate } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Case } from "./campaign.ts";

// Only after the set-up above: the library reads it when it is first imported.
const { caseText, DamageCampaign, DamageTotals } = await import("./campaign.ts");

/** A case that takes longer hangs. */
const PATIENCE_MS = 600_000;
/** Cases between two lines of progress. */
const PROGRESS_CASES = 1000;

interface Orders {
  readonly count: number;
  readonly seed: number;
  readonly first: number;
}

/** Runs the cases in a thread of their own, so that one that does not end can be told. */
function supervise(orders: Orders): void {
  const totals = new DamageTotals();
  const worker = new Worker(new URL(import.meta.url), { workerData: orders });
  let next = orders.first;
  const giveUp = (): void => {
    stdout.write(`${next}: no end after ${PATIENCE_MS / 1000} s\n`);
    process.exitCode = 1;
    void worker.terminate();
  };
  let watchdog = setTimeout(giveUp, PATIENCE_MS);
  worker.on("message", (one: Case) => {
    clearTimeout(watchdog);
    totals.add(one);
    next = one.number + 1;
    if (one.outcome === "fault") stdout.write(`${caseText(one)}\n`);
    if (next % PROGRESS_CASES === 0) stdout.write(`${next}: ${totals.text}\n`);
    if (next < orders.first + orders.count) watchdog = setTimeout(giveUp, PATIENCE_MS);
  });
  worker.on("error", (error: Error) => {
    clearTimeout(watchdog);
    stdout.write(`${next}: the campaign itself broke: ${error.stack}\n`);
    process.exitCode = 1;
  });
  worker.on("exit", () => {
    stdout.write(`${next - orders.first} cases, seed ${orders.seed}: ${totals.text}\n`);
    if (totals.faults > 0) process.exitCode = 1;
  });
}

if (isMainThread) {
  const [count = 10_000, seed = Date.now() % 1000, first = 0] = argv.slice(2).map(Number);
  supervise({ count, seed, first });
} else {
  const { count, seed, first } = workerData as Orders;
  const campaign = new DamageCampaign(seed);
  for (let number = first; number < first + count; number++) {
    parentPort?.postMessage(campaign.run(number));
    // What a WeakRef was made for stays until the job ends: every heap of a loop that never waits.
    await setImmediate();
  }
}
