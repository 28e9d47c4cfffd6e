// The part of the build that comes after the compiler: writes packages/kmem/lib, and says which declarations npm leaves
// out of the tarball. Does nothing where the sources are those of the last time, but for `--fresh`. Runs on the pinned
// Node, for it imports the library's layouts, which are TypeScript.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { publishedDeclarations, writeBundle } from "../packages/kmem-lab/dist/bundle/write-bundle.js";
import { root } from "./stages.mjs";

const library = join(root, "packages", "kmem");
const dist = join(library, "dist");
const bundler = join(root, "packages", "kmem-lab", "src", "bundle");
const stampFile = join(dist, ".bundle-stamp");

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

/** The hash of all that the bundle is made of. */
function sourceHash() {
  const hash = createHash("sha256").update(readFileSync(join(library, "package.json")));
  for (const folder of [join(library, "src"), bundler]) {
    for (const path of filesIn(folder).filter((name) => name.endsWith(".ts"))) {
      hash.update(path).update(readFileSync(join(folder, path)));
    }
  }
  return hash.digest("hex");
}

/** The compiler writes a declaration file for every source: those that no sub-path leads to stay at home. */
function writeIgnored() {
  const published = publishedDeclarations();
  const others = filesIn(dist)
    .filter((path) => path.endsWith(".d.ts") && !published.has(join("dist", path)))
    .flatMap((path) => [`/${path}`, `/${path}.map`]);
  writeFileSync(join(dist, ".npmignore"), `${others.join("\n")}\n`);
}

const hash = sourceHash();
const isThere = existsSync(stampFile) && existsSync(join(library, "lib", "index.js"));
const isCurrent = isThere && readFileSync(stampFile, "utf8") === hash;
if (!isCurrent || argv.includes("--fresh")) {
  await writeBundle();
  writeIgnored();
  writeFileSync(stampFile, hash);
}
