// `npm test`: sets up, then checks everything that can be checked. A stage that fails does not hide the later ones.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { machineNode, pinnedNode, root, run, runTool, stage } from "./stages.mjs";

const reportFile = ".reports/vitest.json";

// A report left by an earlier run must not be taken for this one's.
rmSync(join(root, reportFile), { force: true });
if (!setUp()) exit(1);

const vitestArgs = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
const passed = [
  stage("type-check of tests and scripts", () => runTool("typescript/bin/tsc", "-b", "tsconfig.checks.json")),
  stage("lint and format", () => runTool("@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".")),
  stage("smoke run of the library on this machine's own Node", () =>
    run(machineNode() ?? pinnedNode, ["scripts/smoke.mjs"]),
  ),
  stage("tests", () => runTool("vitest/vitest.mjs", ...vitestArgs, ...argv.slice(2))),
];
// With arguments only some tests have run, and most sentences would be without theirs.
if (argv.length === 2) {
  passed.push(
    stage("every sentence of the documents has its test", () => run(pinnedNode, ["scripts/conformance.mjs"])),
  );
}
exit(passed.every(Boolean) ? 0 : 1);
