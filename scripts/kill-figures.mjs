// Kills threads with `kmem bench kill` and writes what came of it to docs/figures and into the README. Part of
// `npm run bench`; needs the build. Give it another number of threads to kill than 10,000 to try it out.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, execPath, stdout } from "node:process";
import { markdownTable, replaceBetweenMarks } from "../packages/kmem-cli/dist/bench/write-figures.js";
import { killCells } from "../packages/kmem-cli/dist/kill/kill-text.js";
import { root } from "./stages.mjs";

const KILLS = "10000";
const OUTPUT_LIMIT_BYTES = 2 ** 26;

const command = join(root, "packages", "kmem-cli", "bin", "kmem.js");
const args = [command, "bench", "kill", "--json", "--kills", argv[2] ?? KILLS];
const report = JSON.parse(execFileSync(execPath, args, { encoding: "utf8", maxBuffer: OUTPUT_LIMIT_BYTES }));
const { header, rows } = killCells(report);
const csvRows = [header, ...rows].map((row) => row.map((cell) => `"${cell}"`).join(","));
writeFileSync(join(root, "docs", "figures", "kill.csv"), `${csvRows.join("\n")}\n`);
const page = join(root, "README.md");
const table = markdownTable([header, ...rows]);
writeFileSync(page, replaceBetweenMarks(readFileSync(page, "utf8"), "figures: kill", table));
stdout.write(`${table}\n`);
