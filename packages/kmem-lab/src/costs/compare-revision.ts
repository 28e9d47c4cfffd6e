import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ReplayReport } from "kmem-cli/internal/replay/report";
import { type ProcessCommand, runProcess } from "kmem-cli/internal/system/run-process";
import { geometricMean, median } from "kmem-cli/internal/system/statistics";
import { threeDigits } from "kmem-cli/internal/system/units";
import { mallocTraces, ROOT, writeFigure } from "../figures/repository.ts";

const RATIO_DIGITS = 3;

/** ns per operation by trace. */
export type Times = ReadonlyMap<string, number>;

/**
 * What the work since a revision costs one thread. Builds the revision beside this one, replays the traces on both in
 * turns, each time in a process of its own, and writes the medians and their ratios to docs/figures/since-REVISION.csv.
 */
export async function compareRevision(revision: string, roundCount: number): Promise<void> {
  const checkout = join(mkdtempSync(join(tmpdir(), "kmem-revision-")), "checkout");
  try {
    execFileSync("git", ["worktree", "add", "--detach", checkout, revision], { cwd: ROOT, stdio: "ignore" });
    build(checkout);
    const before: Times[] = [];
    const after: Times[] = [];
    for (let round = 0; round < roundCount; round += 1) {
      before.push(await replay(checkout));
      after.push(await replay(ROOT));
    }
    const cells = ratioCells(before, after);
    writeFigure(`since-${revision}`, cells, cells);
  } finally {
    execFileSync("git", ["worktree", "remove", "--force", checkout], { cwd: ROOT });
    rmSync(join(checkout, ".."), { recursive: true, force: true });
  }
}

/** The other revision has packages of its own; all else that is installed is shared. */
function build(checkout: string): void {
  const modules = join(checkout, "node_modules");
  const own = readdirSync(join(checkout, "packages"));
  mkdirSync(modules, { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (!own.includes(name)) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const name of own) symlinkSync(join(checkout, "packages", name), join(modules, name));
  execFileSync(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-b"], { cwd: checkout });
  const bundler = join(checkout, "scripts", "build.mjs");
  if (existsSync(bundler)) execFileSync(process.execPath, [bundler], { cwd: checkout, stdio: "ignore" });
}

async function replay(checkout: string): Promise<Times> {
  const command = join(checkout, "packages", "kmem-cli", "bin", "kmem.js");
  const args = [command, "replay", "--json", "--allocators", "kmem", "--runs", "1", ...mallocTraces()];
  return await replayTimes({ file: process.execPath, args });
}

/** What a replay that writes JSON has measured of its first contender. */
export async function replayTimes(command: ProcessCommand): Promise<Times> {
  const { traces } = JSON.parse(await runProcess(command)) as ReplayReport;
  return new Map(traces.map(({ name, workloads }) => [name, workloads[0]?.results[0]?.time?.medianNsPerOp ?? 0]));
}

/** A row for each trace and one for their mean; `before` and `after` have a map for each round, `names` says what. */
export function ratioCells(
  before: readonly Times[],
  after: readonly Times[],
  [former, latter]: readonly [string, string] = ["before", "now"],
): string[][] {
  const names = [...(before[0]?.keys() ?? [])];
  const rows = names.map((name) => {
    const beforeNs = before.map((times) => times.get(name) ?? Number.NaN);
    const afterNs = after.map((times) => times.get(name) ?? Number.NaN);
    const ratios = afterNs.map((ns, round) => ns / beforeNs[round]!);
    const summary = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
    return { name, times: [median(beforeNs), median(afterNs)], summary };
  });
  const mean = geometricMean(rows.map(({ summary }) => summary[0]!)) ?? Number.NaN;
  return [
    ["trace", `ns/op ${former}`, `ns/op ${latter}`, `${latter} / ${former}`, "least", "most"],
    ...rows.map(({ name, times, summary }) => [
      name,
      ...times.map(threeDigits),
      ...summary.map((ratio) => ratio.toFixed(RATIO_DIGITS)),
    ]),
    ["geometric mean", "", "", mean.toFixed(RATIO_DIGITS), "", ""],
  ];
}
