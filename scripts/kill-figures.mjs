// Kills threads with `kmem bench kill` and writes what came of it to docs/figures: on plain heaps to kill.csv, and into
// the README, on debugged and sampled ones to kill-debug.csv. Part of `npm run bench`; needs the build. Give it other
// numbers of threads to kill than 10,000 and 4,000 to try it out, or files that `kmem bench kill --json` has written,
// of which those of one kind of heap are added up.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, execPath, stdout } from "node:process";
import { markdownTable, replaceBetweenMarks } from "../packages/kmem-cli/dist/bench/write-figures.js";
import { killCells, sumOfKills } from "../packages/kmem-cli/dist/kill/kill-text.js";
import { root } from "./stages.mjs";

const PARTS = [
  { file: "kill.csv", mark: "figures: kill", heaps: ["fixed", "short of memory", "growing"], kills: 10_000 },
  { file: "kill-debug.csv", heaps: ["debugged", "sampled"], kills: 4000 },
];
const OUTPUT_LIMIT_BYTES = 2 ** 26;

/** @type {(arg: string) => boolean} */
const isFile = (arg) => arg.endsWith(".json");
const files = argv.slice(2).filter(isFile);
const numbers = argv.slice(2).filter((arg) => !isFile(arg));

/**
 * What each of these kinds of heap saw.
 * @param {readonly string[]} heaps
 * @param {number} kills
 */
function kill(heaps, kills) {
  const command = join(root, "packages", "kmem-cli", "bin", "kmem.js");
  return heaps.map((heap) => {
    const args = [
      command,
      "bench",
      "kill",
      "--json",
      "--heap",
      heap,
      "--kills",
      String(Math.ceil(kills / heaps.length)),
    ];
    return JSON.parse(execFileSync(execPath, args, { encoding: "utf8", maxBuffer: OUTPUT_LIMIT_BYTES })).worlds[0];
  });
}

/**
 * The same out of files; nothing where they have not all of these kinds.
 * @param {readonly string[]} heaps
 */
function read(heaps) {
  const worlds = files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")).worlds);
  const found = heaps.map((heap) => ({ name: heap, parts: worlds.filter(({ name }) => name === heap) }));
  if (found.some(({ parts }) => parts.length === 0)) return [];
  return found.map(({ name, parts }) => ({ name, ...sumOfKills(parts) }));
}

for (const [index, { file, mark, heaps, kills }] of PARTS.entries()) {
  const worlds = files.length > 0 ? read(heaps) : kill(heaps, Number(numbers[index] ?? kills));
  if (worlds.length === 0) continue;
  const { header, rows } = killCells({ worlds });
  const csvRows = [header, ...rows].map((row) => row.map((cell) => `"${cell}"`).join(","));
  writeFileSync(join(root, "docs", "figures", file), `${csvRows.join("\n")}\n`);
  const page = join(root, "README.md");
  const table = markdownTable([header, ...rows]);
  if (mark !== undefined) writeFileSync(page, replaceBetweenMarks(readFileSync(page, "utf8"), mark, table));
  stdout.write(`${table}\n`);
}
