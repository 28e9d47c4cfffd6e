// Mutated traces of every form through their readers: `npm run test:traces -- [count] [seed] [first]`; the forms take
// turns. Ctrl-C ends it with what it has found so far.
import { argv, memoryUsage, stdout } from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { TraceCampaign, type TraceCase } from "./campaign.ts";

/** A batch that takes longer hangs, even on a machine that has other things to do. */
const PATIENCE_MS = 300_000;
const BATCH = 100;
const PROGRESS_CASES = 20_000;
const MIB = 2 ** 20;

interface Orders {
  readonly count: number;
  readonly seed: number;
  readonly first: number;
}

interface Batch {
  readonly cases: readonly TraceCase[];
  readonly memoryMib: number;
}

function supervise(orders: Orders): void {
  const worker = new Worker(new URL(import.meta.url), { workerData: orders });
  const byForm = new Map<string, { read: number; refused: number; faults: number }>();
  let done = 0;
  let faults = 0;
  let memoryMib = 0;
  const text = (): string => `${done} traces, seed ${orders.seed}: ${faults} faults, at most ${memoryMib} MiB`;
  const giveUp = (): void => {
    stdout.write(`one of ${orders.first + done} and the ${BATCH} after it: no end after ${PATIENCE_MS / 1000} s\n`);
    process.exitCode = 1;
    void worker.terminate();
  };
  let watchdog = setTimeout(giveUp, PATIENCE_MS);
  process.once("SIGINT", () => void worker.terminate());
  worker.on("message", (batch: Batch) => {
    clearTimeout(watchdog);
    memoryMib = Math.max(memoryMib, batch.memoryMib);
    for (const { form, fault, isRead } of batch.cases) {
      const counts = byForm.get(form) ?? { read: 0, refused: 0, faults: 0 };
      byForm.set(form, counts);
      if (fault !== undefined) {
        faults += 1;
        counts.faults += 1;
        stdout.write(`${orders.first + done} (${form}): ${fault}\n`);
      } else if (isRead) counts.read += 1;
      else counts.refused += 1;
      done += 1;
    }
    if (done % PROGRESS_CASES === 0) stdout.write(`${text()}\n`);
    if (done < orders.count) watchdog = setTimeout(giveUp, PATIENCE_MS);
  });
  worker.on("exit", () => {
    clearTimeout(watchdog);
    for (const [form, { read, refused, faults: wrong }] of byForm) {
      stdout.write(`${form.padEnd(14)} ${read} read, ${refused} refused, ${wrong} faults\n`);
    }
    stdout.write(`${text()}\n`);
    if (faults > 0 || done < orders.count) process.exitCode = 1;
  });
}

async function work({ count, seed, first }: Orders): Promise<void> {
  const campaign = new TraceCampaign(seed);
  for (let number = first; number < first + count; ) {
    const cases: TraceCase[] = [];
    for (; cases.length < BATCH && number < first + count; number += 1) cases.push(await campaign.run(number));
    const memoryMib = Math.round(memoryUsage().rss / MIB);
    parentPort?.postMessage({ cases, memoryMib } satisfies Batch);
  }
}

if (isMainThread) {
  const [count = 20_000, seed = Date.now() % 1000, first = 0] = argv.slice(2).map(Number);
  supervise({ count, seed, first });
} else {
  await work(workerData as Orders);
}
