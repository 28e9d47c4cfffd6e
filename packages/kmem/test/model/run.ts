// `npm run test:model`: ten million random operations against the model, over each kind of buffer in turn.
// `node packages/kmem/test/model/run.ts [operations] [seed]`
import "../setup.ts";
import { argv, stdout } from "node:process";
import { LONG_RUNS } from "./long-runs.ts";
import type { OperationName } from "./model.ts";

// Only after the set-up above: the library reads it when it is first imported.
const { Heap } = await import("../../src/index.ts");
const { Model } = await import("./model.ts");
const { randomOperation } = await import("./random-operations.ts");
const { Random } = await import("../support/random.ts");

const MIB = 1024 * 1024;
const operationCount = Number(argv[2] ?? 10_000_000);
const firstSeed = Number(argv[3] ?? Date.now() % 1_000_000_000);
/** Operations on one heap before the next begins, so that heaps of every size and age are seen. */
const ROUND_OPERATIONS = 250_000;
/** Operations between two checks of everything. */
const CHECK_INTERVAL = 25_000;

function runRound(run: (typeof LONG_RUNS)[number], seed: number, count: number): void {
  const random = new Random(seed);
  const sizeBytes = (1 + random.below(24)) * MIB;
  const model = new Model(Heap.create(run.makeOptions(sizeBytes)), {
    maximumBytes: random.size(sizeBytes / 8) + 100,
    maximumPages: 1 + random.below(100),
    maximumBlocks: 100 + random.below(20_000),
  });
  const without = new Set<OperationName>(["reload", "attach", ...run.without]);
  for (let step = 1; step <= count; step++) {
    model.step(randomOperation(random, without));
    if (step % CHECK_INTERVAL !== 0) continue;
    model.verify();
    // Too dear to be drawn at random: one of each in every interval.
    model.step({ name: "attach", pick: 0, size: 0 });
    if (step % (4 * CHECK_INTERVAL) === 0 && run.name.endsWith("ArrayBuffer")) {
      model.step({ name: "reload", pick: 0, size: 0 });
    }
    model.verify();
  }
  model.freeAll();
}

let isFaultless = true;
const perRun = Math.ceil(operationCount / LONG_RUNS.length);
stdout.write(`model: ${operationCount} random operations, first seed ${firstSeed}\n`);
for (const [index, run] of LONG_RUNS.entries()) {
  const startMs = performance.now();
  let seed = firstSeed + index * 1_000_003;
  let done = 0;
  try {
    while (done < perRun) {
      const count = Math.min(ROUND_OPERATIONS, perRun - done);
      runRound(run, seed, count);
      done += count;
      seed++;
    }
    const perSecond = done / ((performance.now() - startMs) / 1000);
    stdout.write(`  ${run.name}: ${done} operations, ${Math.round(perSecond / 1000)} K/s, all clean\n`);
  } catch (error) {
    isFaultless = false;
    stdout.write(
      `  ${run.name}: FAULT in the round with seed ${seed}: ${error instanceof Error ? error.stack : error}\n`,
    );
  }
}
if (!isFaultless) process.exitCode = 1;
