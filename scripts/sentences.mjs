// A stage of `npm test`: every row of docs/sentences names tests, and each of them ran and passed just now. Reads the
// report of the test runner, so it comes after it.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { exit } from "node:process";
import { root } from "./stages.mjs";

const tablesFolder = join(root, "docs", "sentences");
const reportFile = join(root, ".reports", "vitest.json");
const TEST_COLUMN = 3;

/**
 * The rows of a table whose first cell is the number of a sentence, such as 003-12.
 * @param {string} file
 */
function rowsOf(file) {
  return readFileSync(join(tablesFolder, file), "utf8")
    .split("\n")
    .filter((line) => /^\| ?0\d\d-/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/**
 * The tests that a cell names, as `file.test.ts › name`, one after another.
 * @param {string} cell
 */
function testsOf(cell) {
  return cell
    .replaceAll("`", "")
    .replaceAll("\\|", "|")
    .split(/<br>|;\s+(?=[\w/-]+\.test\.ts)/)
    .map((text) => text.split("›").map((part) => part.trim()))
    .map(([file = "", ...names]) => ({ file, name: names.join(" › ") }));
}

/** @type {{ testResults: { name: string, assertionResults: { title: string, fullName: string, status: string }[] }[] }} */
const report = JSON.parse(readFileSync(reportFile, "utf8"));
const passed = new Map(
  report.testResults.map(({ name, assertionResults }) => [
    name,
    new Set(
      assertionResults
        .filter(({ status }) => status === "passed")
        .flatMap(({ title, fullName }) => [title, fullName])
        .map((text) => text.replaceAll("`", "")),
    ),
  ]),
);

/**
 * Whether a test of that name passed; `%s` and the like, of tests with a table, stand for anything.
 * @param {string} file
 * @param {string} name
 */
function hasPassed(file, name) {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/%[sdij]/g, ".*");
  const pattern = new RegExp(`^${escaped}$`);
  return [...passed].some(([path, names]) => path.endsWith(`/${file}`) && [...names].some((one) => pattern.test(one)));
}

let rowCount = 0;
const faults = [];
for (const file of readdirSync(tablesFolder).filter((name) => name.endsWith(".md"))) {
  const rows = rowsOf(file);
  if (rows.length === 0) faults.push(`${file} has no rows`);
  for (const row of rows) {
    rowCount += 1;
    const tests = testsOf(row[TEST_COLUMN] ?? "");
    for (const { file: testFile, name } of tests) {
      if (!hasPassed(testFile, name))
        faults.push(`${basename(file)} ${row[0]}: no passing test "${testFile} › ${name}"`);
    }
  }
}
for (const fault of faults) console.error(fault);
console.log(`${rowCount} sentences of the five documents, ${faults.length} without the test that their row names`);
exit(faults.length === 0 ? 0 : 1);
