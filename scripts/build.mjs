// `npm run build`, which `npm start` and `npm test` begin with: compiles, then writes what is published of the library
// (packages/kmem/lib), the inspector's page (packages/kmem-inspector/lib) and the documents that go into the tarballs. Does no more than the sources have changed in.
// With `--fresh` it does all of it again: `npm pack` and `npm publish` begin with that.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { fileURLToPath } from "node:url";
import { writeDocuments } from "./package-documents.mjs";
import { pinnedNode, root, run, runTool } from "./stages.mjs";

const packages = join(root, "packages");
/** Endings of what the compiler writes for one source. */
const outputs = /(?:\.d\.ts|\.d\.ts\.map|\.js|\.js\.map)$/;

/** Deletes what was compiled from sources that are not there any more. */
function prune() {
  for (const name of readdirSync(packages)) {
    const [source, dist] = [join(packages, name, "src"), join(packages, name, "dist")];
    if (!existsSync(dist)) continue;
    for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
      if (outputs.test(path) && !existsSync(join(source, path.replace(outputs, ".ts")))) rmSync(join(dist, path));
    }
  }
}

/** Builds all packages, from nothing where it is to be fresh; gives an exit code. */
export function build({ isFresh = false } = {}) {
  prune();
  const compiled = runTool("typescript/bin/tsc", "-b", ...(isFresh ? ["--force"] : []));
  const exitCode =
    compiled ||
    run(pinnedNode, ["--disable-warning=ExperimentalWarning", "scripts/bundle.mjs", ...(isFresh ? ["--fresh"] : [])]) ||
    run(pinnedNode, ["scripts/page.mjs", ...(isFresh ? ["--fresh"] : [])]);
  if (exitCode === 0) writeDocuments();
  return exitCode;
}

if (argv[1] === fileURLToPath(import.meta.url)) exit(build({ isFresh: argv.includes("--fresh") }));
