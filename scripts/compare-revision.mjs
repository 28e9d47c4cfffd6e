// `node scripts/compare-revision.mjs REVISION [ROUNDS]`: what the work since a revision costs one thread. Builds the
// revision beside this one, replays the traces on both in turns, each time in a process of its own, and writes the
// medians and their ratios to docs/figures/since-REVISION.csv. Nothing else should run meanwhile. Needs the build.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { argv, env, exit, stdout } from "node:process";
import { markdownTable } from "../packages/kmem-cli/dist/bench/write-figures.js";
import { geometricMean, median } from "../packages/kmem-cli/dist/report/statistics.js";
import { threeDigits } from "../packages/kmem-cli/dist/report/units.js";
import { pinnedNode, root } from "./stages.mjs";

const DEFAULT_ROUNDS = 9;
const RATIO_DIGITS = 3;
const OUTPUT_LIMIT_BYTES = 2 ** 26;
/** Packages of the workspace: the other revision has its own, all else is shared. */
const OWN = new Set(["kmem", "kmem-cli"]);

const [revision, rounds = DEFAULT_ROUNDS] = argv.slice(2);
if (revision === undefined) {
  console.error("usage: node scripts/compare-revision.mjs REVISION [ROUNDS]");
  exit(2);
}
const collection = resolve(root, env["KMEM_TRACES"] ?? join("..", "shared", "traces"), "malloc");
const folder = existsSync(collection) ? collection : join(root, "packages", "kmem-cli", "traces");
const traces = readdirSync(folder)
  .filter((name) => name.endsWith(".trace.zst"))
  .map((name) => join(folder, name));

/** @param {string} checkout */
function build(checkout) {
  const modules = join(checkout, "node_modules");
  execFileSync("mkdir", ["-p", modules]);
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!OWN.has(name)) symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const name of OWN) symlinkSync(join(checkout, "packages", name), join(modules, name));
  execFileSync(pinnedNode, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"], { cwd: checkout });
}

/**
 * Nanoseconds of an operation of each trace, once.
 * @param {string} checkout
 * @returns {Map<string, number>}
 */
function replay(checkout) {
  const args = [join(checkout, "packages", "kmem-cli", "bin", "kmem.js"), "replay", "--json", "--allocators", "kmem"];
  const options = { encoding: /** @type {const} */ ("utf8"), maxBuffer: OUTPUT_LIMIT_BYTES, cwd: checkout };
  const report = JSON.parse(execFileSync(pinnedNode, [...args, "--runs", "1", ...traces], options));
  /** @type {{ name: string, workloads: { results: { time: { medianNsPerOp: number } }[] }[] }[]} */
  const replayed = report.traces;
  return new Map(replayed.map(({ name, workloads }) => [name, workloads[0]?.results[0]?.time.medianNsPerOp ?? 0]));
}

const checkout = join(mkdtempSync(join(tmpdir(), "kmem-revision-")), "checkout");
try {
  execFileSync("git", ["worktree", "add", "--detach", checkout, revision], { cwd: root, stdio: "ignore" });
  build(checkout);
  /** @type {Map<string, number>[]} */
  const before = [];
  /** @type {Map<string, number>[]} */
  const after = [];
  for (let round = 0; round < Number(rounds); round++) {
    before.push(replay(checkout));
    after.push(replay(root));
  }
  const rows = [...(before[0]?.keys() ?? [])].map((name) => {
    const beforeNs = before.map((times) => times.get(name) ?? Number.NaN);
    const afterNs = after.map((times) => times.get(name) ?? Number.NaN);
    const ratios = afterNs.map((ns, round) => ns / (beforeNs[round] ?? Number.NaN)).toSorted((a, b) => a - b);
    const extremes = [ratios[0], ratios.at(-1)];
    return { name, beforeNs: median(beforeNs), afterNs: median(afterNs), ratio: median(ratios), extremes };
  });
  const mean = geometricMean(rows.map(({ ratio }) => ratio)) ?? Number.NaN;
  const cells = [
    ["trace", "ns/op before", "ns/op now", "now / before", "least", "most"],
    ...rows.map(({ name, beforeNs, afterNs, ratio, extremes }) => [
      name,
      threeDigits(beforeNs),
      threeDigits(afterNs),
      ...[ratio, ...extremes].map((one) => (one ?? Number.NaN).toFixed(RATIO_DIGITS)),
    ]),
    ["geometric mean", "", "", mean.toFixed(RATIO_DIGITS), "", ""],
  ];
  writeFileSync(
    join(root, "docs", "figures", `since-${revision}.csv`),
    `${cells.map((row) => row.join(",")).join("\n")}\n`,
  );
  stdout.write(`${markdownTable(cells)}\n`);
} finally {
  execFileSync("git", ["worktree", "remove", "--force", checkout], { cwd: root });
  rmSync(join(checkout, ".."), { recursive: true, force: true });
}
