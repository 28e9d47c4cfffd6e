// `npm test`: sets up, then checks everything that can be checked. A stage that fails does not hide the later ones.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { argv, env, exit } from "node:process";
import { styleText } from "node:util";
import { setUp } from "./setup.mjs";
import { failedStages, machineNode, pinnedNode, root, run, runTool, stage } from "./stages.mjs";

/** In every kind of heap some; `npx kmem-lab kill` kills as many as it is told. */
const KILLS = "40";

const reportFile = ".reports/vitest.json";

const WITHOUT_CHROMIUM = `
  THE BROWSER TESTS WERE SKIPPED: there is no Chromium on this machine, and none could be installed.
  Nothing has been tested in pages, dedicated workers and audio worklets.
  Install Chromium (on Debian: apt-get install chromium) or name the program in KMEM_CHROMIUM,
  and run npm test again. Where CI is "true", this is a failure.
`;

const WITHOUT_COMPILER = `
  THE TESTS OF C PROGRAMS WERE SKIPPED: nothing here compiles them to WebAssembly, and it could not be installed.
`;

// A report left by an earlier run must not be taken for this one's.
rmSync(join(root, reportFile), { force: true });
if (!setUp()) exit(1);

const isCi = env["CI"] === "true";
const findChromium = () => run(pinnedNode, ["scripts/chromium.mjs"]);
const findCompiler = () => run(pinnedNode, ["scripts/wasm-compiler.mjs"]);
const hasChromium = stage("Chromium for the browser tests", findChromium, isCi);
const hasCompiler = stage("clang for the tests of C programs", findCompiler, false);
const vitestArgs = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
const passed = [
  stage("type-check of tests and scripts", () => runTool("typescript/bin/tsc", "-b", "tsconfig.checks.json")),
  stage("lint and format", () => runTool("@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".")),
  stage("smoke run of the library on this machine's own Node", () =>
    run(machineNode() ?? pinnedNode, ["scripts/smoke.mjs"]),
  ),
  stage("the tarballs as a stranger finds them", () => run(pinnedNode, ["scripts/test-package.mjs", "--short"])),
  stage("tests", () => runTool("vitest/vitest.mjs", ...vitestArgs, ...argv.slice(2))),
];
// With arguments only some tests have run, and most sentences would be without theirs.
if (argv.length === 2) {
  passed.push(
    stage(`${KILLS} threads that are killed while others work`, () =>
      run(pinnedNode, ["packages/kmem-lab/bin/kmem-lab.js", "kill", "--kills", KILLS]),
    ),
    stage("every sentence of the documents has its test", () => run(pinnedNode, ["scripts/sentences.mjs"])),
  );
}
if (!hasCompiler) console.error(styleText("red", WITHOUT_COMPILER));
if (!hasChromium) {
  console.error(styleText("red", WITHOUT_CHROMIUM));
  passed.push(!isCi);
}
// A stage that failed long ago is not seen in the last lines otherwise.
if (failedStages.length > 0) console.error(styleText("red", `\n  Failed: ${failedStages.join("; ")}`));
exit(passed.every(Boolean) ? 0 : 1);
