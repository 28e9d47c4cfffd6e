// Shared by the scripts: where things are, and how a stage is run and reported. Runs on Node 20 with nothing installed.
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";

export const root = fileURLToPath(new URL("..", import.meta.url));
const executable = process.platform === "win32" ? "node.exe" : "node";
const pathFolders = (process.env["PATH"] ?? "").split(delimiter);
const installedBins = join(root, "node_modules", ".bin");

/** The Node that the workspace pins, whatever the machine's own is. It is there once `npm ci` has run. */
export const pinnedNode = join(root, "node_modules", "node", "bin", executable);

/** PATH without what npm and npx put before it: the machine as it was before anything was installed. */
export const machinePath = pathFolders.filter((folder) => !folder.includes("node_modules")).join(delimiter);

/** The machine's own Node: the first on PATH that no package brought. */
export function machineNode() {
  const found = machinePath
    .split(delimiter)
    .map((folder) => join(folder, executable))
    .find((file) => existsSync(file));
  return found === undefined ? undefined : realpathSync(found);
}

/**
 * Runs a program in the root folder with its output shown, and gives its exit code.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} [path] the PATH it sees; by default what the workspace installed comes first
 */
export function run(program, args, path = [installedBins, machinePath].join(delimiter)) {
  const env = { ...process.env, PATH: path };
  const { status, signal, error } = spawnSync(program, args, { cwd: root, env, stdio: "inherit" });
  if (error !== undefined) console.error(error.message);
  if (signal !== null) console.error(`${program} was ended by ${signal}`);
  return status ?? 1;
}

/**
 * Runs an installed tool on the pinned Node.
 * @param {string} script the tool's entry file, seen from node_modules
 * @param {readonly string[]} args
 */
export function runTool(script, ...args) {
  return run(pinnedNode, [join(root, "node_modules", script), ...args]);
}

/** The stages that have failed so far. @type {string[]} */
export const failedStages = [];

/**
 * Runs one stage and says how long it took; gives true when it passed.
 * @param {string} name
 * @param {() => number} action gives an exit code
 * @param {boolean} [isNeeded] whether it counts among the failed ones if it fails
 */
export function stage(name, action, isNeeded = true) {
  const startMs = performance.now();
  console.log(styleText("bold", `> ${name}`));
  const exitCode = action();
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const outcome = exitCode === 0 ? styleText("green", "ok") : styleText("red", `FAILED (exit code ${exitCode})`);
  console.log(`  ${name}: ${outcome}, ${seconds} s\n`);
  if (exitCode !== 0 && isNeeded) failedStages.push(name);
  return exitCode === 0;
}
