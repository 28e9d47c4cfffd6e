// `npm run bench`: sets up, measures every figure of the README, and writes it there and into docs/figures. It uses the
// large collection of traces beside the repository (or where KMEM_TRACES says) when it is there, else the bundled ones.
// Nothing else should run meanwhile.
//
//     npm run bench                                everything
//     npm run bench -- --only traces,live,kills    some parts; the figures of the others stay as they are
//     npm run bench -- --only report               goals, plots and the machine's description, from the CSV files
//
// All other options go to `kmem bench figures`.
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { argv, env, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { pinnedNode, root, run } from "./stages.mjs";

const MS_PER_SECOND = 1000;
const bundledFolder = join(root, "packages", "kmem-cli", "traces");
const collectionFolder = resolve(root, env["KMEM_TRACES"] ?? join("..", "shared", "traces"), "malloc");
const places = ["--out", join("docs", "figures"), "--document", "README.md"];

/** Parts that `kmem bench figures` measures in one go. */
const figureParts = ["traces", "live", "loads", "threads"];
/** Parts that are a command each, with its options, and whether it takes traces. */
const commandParts = {
  memory: { takesTraces: true, options: ["--loads"] },
  latency: { takesTraces: true, options: [] },
  drift: { takesTraces: false, options: [] },
};
/** Parts that are a script each. */
const scriptParts = {
  regions: "scripts/region-cost.mjs",
  kills: "scripts/kill-figures.mjs",
  debugging: "scripts/debug-cost.mjs",
  sizes: "scripts/bundle-size.mjs",
};
const reportPart = "report";
const allParts = [...figureParts, ...Object.keys(commandParts), ...Object.keys(scriptParts), reportPart];

/**
 * The parts that are asked for, and the options besides.
 * @param {readonly string[]} args
 */
function parse(args) {
  const at = args.findIndex((arg) => arg === "--only" || arg.startsWith("--only="));
  if (at < 0) return { parts: allParts, rest: args };
  const inOne = args[at]?.startsWith("--only=") === true;
  const text = inOne ? args[at]?.slice("--only=".length) : args[at + 1];
  const parts = (text ?? "").split(",").map((name) => name.trim());
  const unknown = parts.filter((part) => !allParts.includes(part));
  if (unknown.length > 0) {
    console.error(`There is no part "${unknown.join('", "')}"; there are ${allParts.join(", ")}.`);
    exit(2);
  }
  return { parts, rest: args.toSpliced(at, inOne ? 1 : 2) };
}

function traceFiles() {
  const folder = existsSync(collectionFolder) ? collectionFolder : bundledFolder;
  return readdirSync(folder)
    .filter((name) => /\.trace\.(zst|gz)$/.test(name))
    .map((name) => relative(root, join(folder, name)));
}

/** @param {readonly string[]} args */
function kmem(...args) {
  return run(pinnedNode, ["packages/kmem-cli/bin/kmem.js", "bench", ...args]);
}

/**
 * Does a part, says how long it took, and notes it beside the figures.
 * @param {string} part
 * @param {() => number} action gives an exit code
 */
async function timed(part, action) {
  // Built by now, and not before.
  const { FigureFiles } = await import("../packages/kmem-cli/dist/bench/figure-files.js");
  const { currentLoad, notePartRun } = await import("../packages/kmem-cli/dist/bench/part-runs.js");
  const loadBefore = currentLoad();
  const startMs = performance.now();
  const exitCode = action();
  const seconds = (performance.now() - startMs) / MS_PER_SECOND;
  console.error(`${part}: ${seconds.toFixed(0)} s`);
  const files = new FigureFiles(join(root, "docs", "figures"));
  if (exitCode === 0) notePartRun(files, { part, seconds, loadBefore, loadAfter: currentLoad() });
  return exitCode;
}

const { parts, rest } = parse(argv.slice(2));
if (!setUp()) exit(1);
const exitCodes = [];
const figures = figureParts.filter((part) => parts.includes(part));
if (figures.length > 0) {
  exitCodes.push(kmem("figures", ...places, "--only", figures.join(","), ...rest, ...traceFiles()));
}
for (const [part, { takesTraces, options }] of Object.entries(commandParts)) {
  if (!parts.includes(part)) continue;
  exitCodes.push(await timed(part, () => kmem(part, ...places, ...options, ...(takesTraces ? traceFiles() : []))));
}
for (const [part, script] of Object.entries(scriptParts)) {
  if (parts.includes(part)) exitCodes.push(await timed(part, () => run(pinnedNode, [script])));
}
// What is made of all parts, whatever has been measured now.
exitCodes.push(kmem("report", ...places));
exit(Math.max(...exitCodes));
