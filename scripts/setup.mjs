// Makes a fresh clone ready: installs what package-lock.json names, unless that is done already, and builds.
// Runs on Node 20 with nothing installed. `npm start` and `npm test` begin with it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, env, exit, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";
import { machineNode, machinePath, pinnedNode, root, run, stage } from "./stages.mjs";

// It lies in node_modules, so that deleting that folder deletes the stamp with it.
const stampFile = join(root, "node_modules", ".installed-lock-hash");

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function isInstalled() {
  return existsSync(pinnedNode) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === lockHash();
}

/** `npm ci` on the machine's own Node: the pinned one is among the files that it deletes and writes anew. */
function install() {
  // The warnings left out say that some packages refuse the machine's Node; they never run on it.
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const npmScript = env["npm_execpath"];
  const node = machineNode();
  const npmCommand = platform === "win32" ? "npm.cmd" : "npm";
  const exitCode =
    npmScript === undefined || node === undefined
      ? run(npmCommand, args, machinePath)
      : run(node, [npmScript, ...args], machinePath);
  if (exitCode === 0) writeFileSync(stampFile, lockHash());
  return exitCode;
}

/** Gives true when the workspace is installed and built. */
export function setUp() {
  const installed = isInstalled() || stage("install (first run, or package-lock.json changed)", install);
  return installed && stage("build", build);
}

if (argv[1] === fileURLToPath(import.meta.url)) exit(setUp() ? 0 : 1);
