// The tarballs as `npm publish` makes them, out of the build that is there.
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { publishedPackages } from "./package-documents.mjs";
import { root } from "./stages.mjs";

/** @typedef {{ name: string, file: string, sizeBytes: number, paths: readonly string[] }} Tarball */

/** @param {string} program @param {readonly string[]} args */
function output(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", cwd: root });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

/**
 * Packs all packages into a folder.
 * @param {string} folder
 * @returns {Tarball[]}
 */
export function packInto(folder) {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  return publishedPackages.map((name) => {
    const path = join(root, "packages", name);
    const [packed] = JSON.parse(
      output(npm, ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, path]),
    );
    const paths = packed.files.map((/** @type {{ path: string }} */ file) => file.path);
    return { name, file: join(folder, packed.filename), sizeBytes: packed.size, paths };
  });
}

/**
 * Unpacks a tarball to where an installation in a folder has it.
 * @param {Tarball} tarball
 * @param {string} folder
 */
export function installInto({ name, file }, folder) {
  const modules = join(folder, "node_modules");
  mkdirSync(modules, { recursive: true });
  output("tar", ["-xzf", file, "-C", folder]);
  renameSync(join(folder, "package"), join(modules, name));
}
