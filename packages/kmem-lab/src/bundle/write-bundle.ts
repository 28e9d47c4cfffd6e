import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { withConstantBindings } from "./constant-bindings.ts";
import { inlineConstants } from "./inline-constants.ts";
import { lineMap } from "./line-map.ts";
import { LIBRARY, subPaths } from "./sub-paths.ts";

/** The folder of the published modules, in the library's. */
const OUT_FOLDER = "lib";

/** An import for the order in which modules run, which means nothing here: none does anything when it is imported. */
const BARE_IMPORT = /^import "[^"]+";$/gm;

/**
 * Writes packages/kmem/lib, the modules that are published: each sub-path of the library in one file, what several of
 * them use in shared chunks, so that there is one copy of every class and variable; without assertions, and with the
 * numbers of constant tables in their places. The old folder is there until the new one is whole.
 */
export async function writeBundle(): Promise<void> {
  const scratch = mkdtempSync(join(LIBRARY, `.${OUT_FOLDER}-`));
  try {
    await bundleInto(join(scratch, OUT_FOLDER));
    const target = join(LIBRARY, OUT_FOLDER);
    mkdirSync(target, { recursive: true });
    renameSync(target, join(scratch, "old"));
    renameSync(join(scratch, OUT_FOLDER), target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function bundleInto(folder: string): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: LIBRARY,
    entryPoints: subPaths().map(({ source, module }) => ({ in: source, out: basename(module, ".js") })),
    // Where it will stand: the paths in the source maps are seen from there.
    outdir: OUT_FOLDER,
    bundle: true,
    splitting: true,
    chunkNames: "chunks/[hash]",
    format: "esm",
    target: "es2022",
    // Puts plain constants in their places, also those of other modules.
    minifySyntax: true,
    legalComments: "none",
    sourcemap: "linked",
    sourcesContent: false,
    plugins: [inlineConstants],
    write: false,
  });
  for (const { path, text } of outputFiles) {
    const file = join(folder, path.slice(join(LIBRARY, OUT_FOLDER).length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, path.endsWith(".map") ? lineMap(text) : withConstantBindings(text.replace(BARE_IMPORT, "")));
  }
}

/** The declaration files that the sub-paths lead to, as seen from the library's folder. The build writes more. */
export function publishedDeclarations(): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = subPaths().map(({ types }) => join(types));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const text = readFileSync(join(LIBRARY, file), "utf8");
    for (const [, from = ""] of text.matchAll(/(?:\bfrom|\bimport\() *"(\.[^"]+)"/g)) {
      queue.push(join(dirname(file), from.replace(/\.ts$/, ".d.ts")));
    }
  }
  return found;
}
