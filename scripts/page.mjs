// The last part of the build: bundles the inspector's page and element into packages/kmem-inspector/lib, with a dump to
// try it with. Does nothing where all that it is made of is as it was the last time, but for `--fresh`.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { sampleDump } from "./inspector-sample.mjs";
import { pinnedNode, root, run } from "./stages.mjs";

const inspector = join(root, "packages", "kmem-inspector");
const stampFile = join(inspector, "dist", ".page-stamp");
const sampleFile = join(inspector, "lib", "sample.dump");

/** The hash of what the page is made of: its sources, and what it bundles of the library and the command. */
function sourceHash() {
  const hash = createHash("sha256");
  const files = ["package.json", "vite.config.ts", "index.html"].map((name) => join(inspector, name));
  files.push(join(root, "scripts", "inspector-sample.mjs"));
  for (const folder of [
    join(inspector, "src"),
    ...["kmem", "kmem-cli"].map((name) => join(root, "packages", name, "src")),
  ]) {
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
    files.push(...paths.filter((path) => /\.(?:ts|css)$/.test(path)).map((path) => join(folder, path)));
  }
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

const hash = sourceHash();
const isCurrent = existsSync(sampleFile) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === hash;
if (!isCurrent || argv.includes("--fresh")) {
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const exitCode = run(pinnedNode, [vite, "build", "--config", join(inspector, "vite.config.ts")]);
  if (exitCode !== 0) exit(exitCode);
  mkdirSync(join(inspector, "dist"), { recursive: true });
  writeFileSync(sampleFile, sampleDump());
  writeFileSync(stampFile, hash);
}
