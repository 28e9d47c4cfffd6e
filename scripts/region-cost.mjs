// Measures what a pair of kfree and kmalloc costs in a region of 10, 1,000 and 100,000 chunks, each count in a process of
// its own, and writes it to docs/figures and into docs/conformance.md. Part of `npm run bench`; needs the build.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, execPath, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { regionCost } from "../packages/kmem/test/region/cost.ts";
import { markdownTable, replaceBetweenMarks } from "../packages/kmem-cli/dist/bench/write-figures.js";
import { threeDigits } from "../packages/kmem-cli/dist/report/units.js";
import { root } from "./stages.mjs";

const CHUNK_COUNTS = [10, 1_000, 100_000];
const ROUNDS = 5;

/** @param {readonly number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** @param {number} chunks */
function measure(chunks) {
  const rounds = Array.from({ length: ROUNDS }, () =>
    JSON.parse(execFileSync(execPath, [fileURLToPath(import.meta.url), String(chunks)], { encoding: "utf8" })),
  );
  return [median(rounds.map(({ worstFitNs }) => worstFitNs)), median(rounds.map(({ firstFitNs }) => firstFitNs))];
}

if (argv[2] === undefined) {
  const rows = CHUNK_COUNTS.map((chunks) => [chunks, ...measure(chunks).map((ns) => threeDigits(ns))]);
  const header = ["chunks in the region", "worst fit, kmalloc + kfree, ns", "first fit, kmalloc_fast + kfree, ns"];
  const csvRows = [["chunks", "worst_fit_ns", "first_fit_ns"], ...rows];
  writeFileSync(
    join(root, "docs", "figures", "region-cost.csv"),
    `${csvRows.map((row) => row.join(",")).join("\n")}\n`,
  );
  const page = join(root, "docs", "conformance.md");
  const table = markdownTable([header, ...rows]);
  writeFileSync(page, replaceBetweenMarks(readFileSync(page, "utf8"), "figures: region cost", table));
  stdout.write(`${table}\n`);
} else {
  stdout.write(JSON.stringify(regionCost(Number(argv[2]))));
}
