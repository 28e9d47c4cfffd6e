// Writes packages/kmem/dist-bundle: each sub-path of the library in one file, what several of them use in shared chunks,
// constants in their places. It is what `dist` could be with this in place of tsc's JavaScript; the types stay those that
// tsc writes. With `--minify` it is minified too, to see what that makes of it. `npm run bench` does not use it.
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { argv, stdout } from "node:process";
import { build } from "esbuild";
import { subPaths } from "../packages/kmem/test/bundle/sizes.ts";
import { inlineConstants } from "./inline-constants.mjs";
import { root } from "./stages.mjs";

const library = join(root, "packages", "kmem");
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
  minify: argv.includes("--minify"),
  plugins: [inlineConstants],
  metafile: true,
});
for (const file of Object.keys(metafile.outputs)) {
  stdout.write(`${String(statSync(join(library, file)).size).padStart(8)} ${file}\n`);
}
