// `npm run test:sweep`: a sweep of 24 points over three bundled traces, by the command, once without a break and once
// killed in the middle and started again: both tables are the same. In the smallest memory of each point nothing is
// refused, and a page less is too little. Writes docs/figures/sweep.csv. With a grid (as `sheaf=8,slab=0:4K`) it is of
// that, and writes nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { argv, stdout } from "node:process";
import { isDeepStrictEqual } from "node:util";
import { kmemWith } from "../../src/contenders/sweep-contender.ts";
import { compileTrace } from "../../src/forms/compile-trace.ts";
import { isReady } from "../../src/replay/contender.ts";
import { traceName } from "../../src/replay/replay-traces.ts";
import { runWorkload } from "../../src/replay/run-workload.ts";
import { makeWorkloads, type Workload } from "../../src/replay/workload.ts";
import { parseSweep, settingOf } from "../../src/report/sweep-grid.ts";
import type { SweepPoint, SweepReport } from "../../src/report/sweep-report.ts";
import { BUNDLED_TRACES } from "../trace/support.ts";
import { finishedSweep, killedSweep } from "./interrupted-sweep.ts";

const GRID = "sheaf=8..64,slab=0:4K:8K:16K:32K:64K";
const TRACES = ["sqlite_file.trace.zst", "jq_group.trace.zst", "mid-6.12-hashedptr.trace.txt.zst"];
const FIGURES = new URL("../../../../docs/figures/sweep.csv", import.meta.url);
const PAGE_BYTES = 4096;

const traces = TRACES.map((name) => join(BUNDLED_TRACES, name));
const grid = argv[2] ?? GRID;
const dimensions = parseSweep(grid);

/** What is wrong with the smallest memory of a point; undefined where it is the smallest. */
async function fitFault(point: SweepPoint, workload: Workload): Promise<string | undefined> {
  const { fitBytes } = point;
  const where = `${point.trace} (${point.kind}), ${point.values.join(" ")}`;
  if (fitBytes === undefined) return `${where}: no smallest memory`;
  const contender = await kmemWith(settingOf(dimensions, point.values).options).prepare();
  if (!isReady(contender)) return `${where}: ${contender.reason}`;
  const isEnough = async (accountMemoryBytes: number): Promise<boolean> => {
    const options = { roundCount: 0, checkEvery: undefined, accountMemoryBytes };
    const [result] = await runWorkload(workload, [contender], options, () => {});
    return result?.memory?.failureCount === 0;
  };
  if (!(await isEnough(fitBytes))) return `${where}: something is refused in ${fitBytes} bytes`;
  if (await isEnough(fitBytes - PAGE_BYTES)) return `${where}: ${fitBytes - PAGE_BYTES} bytes would do`;
  return undefined;
}

/** What is wrong with the smallest memories of all points. */
async function fitFaults({ points }: SweepReport, folder: string): Promise<string[]> {
  const workloads = new Map<string, Workload>();
  for (const [number, path] of traces.entries()) {
    const own = join(folder, String(number));
    mkdirSync(own);
    const opsPath = join(own, "trace.ops");
    for (const workload of makeWorkloads(await compileTrace(path, opsPath, {}), opsPath, own)) {
      workloads.set(`${traceName(path)} ${workload.kind}`, workload);
    }
  }
  const faults: string[] = [];
  const left = [...points];
  const work = async (): Promise<void> => {
    for (let point = left.pop(); point !== undefined; point = left.pop()) {
      const fault = await fitFault(point, workloads.get(`${point.trace} ${point.kind}`)!);
      if (fault !== undefined) faults.push(fault);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return faults;
}

function csvOf({ points }: SweepReport): string {
  const heads = ["peak_footprint_bytes", "overhead_at_peak_percent", "internal_fragmentation_percent", "fit_bytes"];
  const lines = points.map((point) =>
    [
      point.trace,
      point.kind,
      ...point.values,
      point.peakFootprintBytes,
      point.overheadAtPeakPercent?.toFixed(2),
      point.internalFragmentationPercent?.toFixed(2),
      point.fitBytes,
    ].join(","),
  );
  return `${["trace", "workload", ...dimensions.map(({ name }) => name), ...heads].join(",")}\n${lines.join("\n")}\n`;
}

const folder = mkdtempSync(join(tmpdir(), "kmem-sweep-"));
try {
  const order = { grid, traces, folder };
  const whole = await finishedSweep(order);
  const count = whole.points.length;
  stdout.write(`${count / dimensions.reduce((product, { values }) => product * values.length, 1)} workloads, `);
  stdout.write(`${count} points in all, without a break\n`);
  const statePath = join(folder, "state.jsonl");
  const doneCount = await killedSweep({ ...order, statePath }, Math.floor(count / 2));
  stdout.write(`killed with ${doneCount} points done\n`);
  const resumed = await finishedSweep({ ...order, statePath });
  const faults = isDeepStrictEqual(resumed, whole) ? [] : ["the table of the resumed sweep is another one"];
  faults.push(...(await fitFaults(whole, folder)));
  for (const fault of faults) stdout.write(`${fault}\n`);
  stdout.write(`${faults.length} faults\n`);
  if (faults.length > 0) process.exitCode = 1;
  else if (grid === GRID) writeFileSync(FIGURES, csvOf(whole));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
