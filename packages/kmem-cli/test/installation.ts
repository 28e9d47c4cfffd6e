import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProcess } from "../src/system/run-process.ts";

const PACKAGES = fileURLToPath(new URL("../../", import.meta.url));
const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));

/** Packs one of our packages as it is published, and unpacks it where an installation has it. */
async function installOwn(folder: string, name: string): Promise<void> {
  const args = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const tarball = (await runProcess({ file: npm, args: [...args, join(PACKAGES, name)] })).trim();
  await runProcess({ file: "tar", args: ["-xzf", join(folder, tarball), "-C", folder] });
  renameSync(join(folder, "package"), join(folder, "node_modules", name));
}

/** Puts what a package depends on beside it, out of the workspace's installation. */
function installDependencies(folder: string, name: string): void {
  const manifest = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    const target = join(folder, "node_modules", dependency);
    if (existsSync(target)) continue;
    cpSync(join(MODULES, dependency), target, { recursive: true, dereference: true });
    installDependencies(folder, dependency);
  }
}

/** A new folder in which our packages are installed from their tarballs; its path. */
export async function installedFolder(prefix: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  mkdirSync(join(folder, "node_modules", ".bin"), { recursive: true });
  for (const name of ["kmem", "kmem-inspector", "kmem-cli"]) await installOwn(folder, name);
  installDependencies(folder, "kmem-cli");
  symlinkSync("../kmem-cli/bin/kmem.js", join(folder, "node_modules", ".bin", "kmem"));
  return folder;
}

/** Puts a package of the workspace's installation into such a folder, as it is. */
export function linkInstalled(folder: string, name: string): void {
  const target = join(folder, "node_modules", name);
  mkdirSync(join(target, ".."), { recursive: true });
  symlinkSync(join(MODULES, name), target);
}
