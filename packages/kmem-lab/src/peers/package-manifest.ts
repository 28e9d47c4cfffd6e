import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The manifest of an installed package. Throws an error that says that it is not installed. */
export function packageManifest(name: string): { readonly path: string; readonly version: string } {
  try {
    const require = createRequire(import.meta.url);
    const path = require.resolve
      .paths(name)!
      .map((folder) => join(folder, name, "package.json"))
      .find(existsSync);
    const { version } = JSON.parse(readFileSync(path!, "utf8")) as { version: string };
    return { path: path!, version };
  } catch {
    throw new Error(`the npm package ${name} is not installed`);
  }
}
