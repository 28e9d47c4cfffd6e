// A stage of `npm test`: finds the Chromium that the browser tests run in; on Debian, as root, installs it where there
// is none. Fails where it cannot, and then those tests are skipped. Runs on the pinned Node, for it imports TypeScript.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { env, exit, getuid } from "node:process";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";

/** apt-get asks no questions and prints no more than it must. */
const aptEnvironment = { ...env, DEBIAN_FRONTEND: "noninteractive" };

/** @param {readonly string[]} args */
function aptGet(...args) {
  const { status, error } = spawnSync("apt-get", args, { stdio: "inherit", env: aptEnvironment });
  if (error !== undefined) console.error(`  apt-get: ${error.message}`);
  return status === 0;
}

const named = env["KMEM_CHROMIUM"] ?? "";

function canInstall() {
  return named === "" && existsSync("/etc/debian_version") && getuid?.() === 0;
}

if (findChromium() === undefined && canInstall()) {
  console.log("  no Chromium here yet: installing it");
  if (aptGet("update", "-qq")) aptGet("install", "-y", "-qq", "--no-install-recommends", "chromium");
}
const found = findChromium();
const missing = named === "" ? "no Chromium on this machine" : `KMEM_CHROMIUM names ${named}, which is not there`;
console.log(`  ${found ?? missing}`);
exit(found === undefined ? 1 : 0);
