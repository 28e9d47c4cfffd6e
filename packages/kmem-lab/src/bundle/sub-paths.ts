import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the library. */
export const LIBRARY: string = fileURLToPath(new URL("../../../kmem/", import.meta.url));

/** A sub-path that the library exports. */
export interface SubPath {
  /** As users import it: `kmem`, `kmem/linux`. */
  readonly name: string;
  /** Its source, declarations and published module, as seen from the library's folder: `./src/…`. */
  readonly source: string;
  readonly types: string;
  readonly module: string;
}

/** The sub-paths of the library with a module, in the order of its package.json. */
export function subPaths(): readonly SubPath[] {
  const manifest = JSON.parse(readFileSync(join(LIBRARY, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  };
  return Object.entries(manifest.exports).flatMap(([subPath, target]) => {
    if (typeof target === "string") return [];
    const source = target.types.replace("./dist/", "./src/").replace(/\.d\.ts$/, ".ts");
    return [{ name: `kmem${subPath.slice(1)}`, source, types: target.types, module: target.default }];
  });
}
