// Measures what each mode that finds memory bugs costs in time and memory, beside a plain heap, and writes it to
// docs/figures and into docs/memory-bugs.md. Each mode runs in processes of its own, in turns. Part of `npm run bench`;
// needs the build. Nothing else should run meanwhile.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { argv, execPath, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { DebugHeap, SampledHeap } from "../packages/kmem/dist/debug/index.js";
import { Heap } from "../packages/kmem/dist/index.js";
import { markdownTable, replaceBetweenMarks } from "../packages/kmem-cli/dist/bench/write-figures.js";
import { threeDigits } from "../packages/kmem-cli/dist/report/units.js";
import { root } from "./stages.mjs";

const ROUNDS = 5;
const SIZE_BYTES = 64 * 2 ** 20;
const LIVE_COUNT = 2000;
const SMALLEST_BYTES = 16;
const SIZES = 465;
/** Enough for hundreds of samples, so that the first ones, in which code is compiled, do not count. */
const PLAIN_OPERATIONS = 40_000_000;
const DEBUG_OPERATIONS = 100_000;
/** Calls around each alloc and free, so that there are stacks to keep. */
const CALL_DEPTH = 8;

/** @type {Record<string, { make: () => Heap, operations: number }>} */
const MODES = {
  off: { make: () => Heap.create({ sizeBytes: SIZE_BYTES }), operations: PLAIN_OPERATIONS },
  "sampled, 1 of 100,000": { make: () => SampledHeap.create({ sizeBytes: SIZE_BYTES }), operations: PLAIN_OPERATIONS },
  "sampled, 1 of 10,000": {
    make: () => SampledHeap.create({ sizeBytes: SIZE_BYTES, sampleEvery: 10_000 }),
    operations: PLAIN_OPERATIONS,
  },
  ...Object.fromEntries(
    ["-", "F", "Z", "P", "U", "FZP", "FZPU"].map((debug) => [
      debug === "-" ? "DebugHeap without letters" : debug,
      { make: () => DebugHeap.create({ sizeBytes: SIZE_BYTES, debug }), operations: DEBUG_OPERATIONS },
    ]),
  ),
  "FZPU, traced": {
    make: () => DebugHeap.create({ sizeBytes: SIZE_BYTES, debug: "FZPU", traceEvents: 4096 }),
    operations: DEBUG_OPERATIONS,
  },
};

/**
 * Random churn: frees and allocates until so many operations are done, around a number of live blocks.
 * @param {Heap} heap
 * @param {number} operations
 * @param {{ address: number, sizeBytes: number }[]} live
 */
function churn(heap, operations, live) {
  let state = 1;
  for (let count = 0; count < operations; count++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    const random = state >>> 8;
    if (live.length < LIVE_COUNT) {
      const sizeBytes = SMALLEST_BYTES + (random % SIZES);
      live.push({ address: heap.alloc(sizeBytes), sizeBytes });
      continue;
    }
    const chosen = random % live.length;
    const last = live.pop();
    const block = live[chosen] ?? last;
    if (last !== undefined && chosen < live.length) live[chosen] = last;
    heap.free(block?.address ?? 0);
  }
}

/**
 * @template Result
 * @param {number} depth
 * @param {() => Result} work
 * @returns {Result}
 */
function within(depth, work) {
  return depth === 0 ? work() : within(depth - 1, work);
}

/** @param {string} name */
function measure(name) {
  const mode = MODES[name];
  if (mode === undefined) throw new Error(`no mode is called ${name}`);
  const heap = mode.make();
  /** @type {{ address: number, sizeBytes: number }[]} */
  const live = [];
  within(CALL_DEPTH, () => churn(heap, mode.operations >> 2, live));
  const startMs = performance.now();
  within(CALL_DEPTH, () => churn(heap, mode.operations, live));
  const nsPerOperation = ((performance.now() - startMs) * 1e6) / mode.operations;
  const askedBytes = live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { nsPerOperation, footprint: heap.footprintBytes / askedBytes };
}

/** @param {readonly number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

if (argv[2] === undefined) {
  const names = Object.keys(MODES);
  /** @type {Map<string, ReturnType<typeof measure>[]>} */
  const measured = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) {
      const args = [fileURLToPath(import.meta.url), name];
      measured.get(name)?.push(JSON.parse(execFileSync(execPath, args, { encoding: "utf8" })));
    }
  }
  const times = names.map((name) => median((measured.get(name) ?? []).map(({ nsPerOperation }) => nsPerOperation)));
  const plain = times[0] ?? Number.NaN;
  const rows = names.map((name, index) => [
    name,
    threeDigits(times[index] ?? Number.NaN),
    threeDigits((times[index] ?? Number.NaN) / plain),
    threeDigits(median((measured.get(name) ?? []).map(({ footprint }) => footprint))),
  ]);
  const header = ["mode", "ns per operation", "times a plain heap's", "footprint / bytes asked for"];
  const csv = [header, ...rows].map((row) => row.map((cell) => `"${cell}"`).join(",")).join("\n");
  writeFileSync(join(root, "docs", "figures", "debug-cost.csv"), `${csv}\n`);
  const page = join(root, "docs", "memory-bugs.md");
  const table = markdownTable([header, ...rows]);
  writeFileSync(page, replaceBetweenMarks(readFileSync(page, "utf8"), "figures: debug cost", table));
  stdout.write(`${table}\n`);
} else {
  stdout.write(JSON.stringify(measure(argv[2])));
}
