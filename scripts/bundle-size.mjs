// Bundles, minifies and compresses each sub-path of the library and all of them together, and writes their sizes to
// docs/figures and into the README. Part of `npm run bench`; needs the build. With `--modules` it also says how many
// bytes each module has in the core and in everything.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, stdout } from "node:process";
import { bundleSizes, CORE, EVERYTHING, GOALS } from "../packages/kmem/test/bundle/sizes.ts";
import { markdownTable, replaceBetweenMarks } from "../packages/kmem-cli/dist/bench/write-figures.js";
import { root } from "./stages.mjs";

const BYTES_PER_KB = 1000;

/** @param {number} bytes */
function kilobytes(bytes) {
  return (bytes / BYTES_PER_KB).toFixed(1);
}

const sizes = await bundleSizes();
const csvRows = [
  ["sub_path", "minified_bytes", "brotli_bytes", "beyond_core_brotli_bytes"],
  ...sizes.map(({ name, minifiedBytes, brotliBytes, beyondCoreBytes }) => [
    name,
    minifiedBytes,
    brotliBytes,
    beyondCoreBytes,
  ]),
];
writeFileSync(join(root, "docs", "figures", "bundle-size.csv"), `${csvRows.map((row) => row.join(",")).join("\n")}\n`);

const table = markdownTable([
  ["kB", "minified", "and brotli", "beside the core", "goal"],
  ...sizes.map(({ name, minifiedBytes, brotliBytes, beyondCoreBytes }) => {
    const goal = GOALS[name];
    const figures = [minifiedBytes, brotliBytes, beyondCoreBytes].map(kilobytes);
    return [name === EVERYTHING ? name : `\`${name}\``, ...figures, goal === undefined ? "" : `≤ ${kilobytes(goal)}`];
  }),
]);
const page = join(root, "README.md");
writeFileSync(page, replaceBetweenMarks(readFileSync(page, "utf8"), "figures: bundle size", table));
stdout.write(`${table}\n`);

if (argv.includes("--modules")) {
  for (const { name, modules } of sizes.filter((size) => size.name === CORE || size.name === EVERYTHING)) {
    stdout.write(`\n${name}: ${modules.length} modules, minified bytes\n`);
    for (const [path, bytes] of modules) stdout.write(`${String(bytes).padStart(7)} ${path}\n`);
  }
}
