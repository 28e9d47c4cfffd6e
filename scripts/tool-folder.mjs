// Tools that one command needs, each in a folder of `tools` with a lock file of its own: `npm ci` stays small without.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./stages.mjs";

/**
 * Installs what the lock file of a folder in `tools` names, unless that is done already. Gives the folder. Throws where
 * npm fails.
 * @param {string} name
 * @param {readonly string[]} [options] for `npm ci`
 */
export function installTools(name, options = []) {
  const folder = join(root, "tools", name);
  const stampFile = join(folder, "node_modules", ".installed-lock-hash");
  const hash = createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === hash) return folder;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["ci", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", ...options];
  if (run(npm, args) !== 0) throw new Error(`npm could not install what tools/${name} names`);
  writeFileSync(stampFile, hash);
  return folder;
}
