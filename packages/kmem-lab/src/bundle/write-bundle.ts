import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "../figures/repository.ts";
import { inlineConstants } from "./inline-constants.ts";
import { subPaths } from "./sizes.ts";

/** A file of the bundle, as seen from the library's folder. */
export interface BundleFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Writes packages/kmem/dist-bundle: each sub-path of the library in one file, what several of them use in shared
 * chunks, constants in their places. It is what `dist` could be with this in place of tsc's JavaScript; the types stay
 * those that tsc writes.
 */
export async function writeBundle({ minify }: { readonly minify: boolean }): Promise<BundleFile[]> {
  const library = join(ROOT, "packages", "kmem");
  const outdir = join(library, "dist-bundle");
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: library,
    entryPoints: [...subPaths().values()],
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    // Puts plain constants in their places, also those of other modules.
    minifySyntax: true,
    minify,
    plugins: [inlineConstants],
    metafile: true,
  });
  return Object.keys(metafile.outputs).map((path) => ({ path, bytes: statSync(join(library, path)).size }));
}
