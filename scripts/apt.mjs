// Installs packages of Debian's where a stage of `npm test` may: as root, asking nothing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { env, getuid } from "node:process";

/** apt-get asks no questions and prints no more than it must. */
const aptEnvironment = { ...env, DEBIAN_FRONTEND: "noninteractive" };

/** @param {readonly string[]} args */
function aptGet(...args) {
  const { status, error } = spawnSync("apt-get", args, { stdio: "inherit", env: aptEnvironment });
  if (error !== undefined) console.error(`  apt-get: ${error.message}`);
  return status === 0;
}

export function canInstall() {
  return existsSync("/etc/debian_version") && getuid?.() === 0;
}

/** @param {readonly string[]} packages */
export function install(...packages) {
  return aptGet("update", "-qq") && aptGet("install", "-y", "-qq", "--no-install-recommends", ...packages);
}
