// `npm start`: sets up, then shows the main job: `kmem replay` on the bundled traces. `npm start -- --all` takes the
// large collection of traces instead, which lies beside the repository or where KMEM_TRACES says. Whatever else is
// given goes to `kmem replay`, as in `npm start -- --check`.
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { argv, env, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { pinnedNode, root, run } from "./stages.mjs";

const bundledFolder = join(root, "packages", "kmem-cli", "traces");
const collectionFolder = resolve(root, env["KMEM_TRACES"] ?? join("..", "shared", "traces"));
// Enough to see what is noise, and few enough for all to be done within a minute.
const roundCount = 3;

/**
 * The traces in a folder, seen from the root.
 * @param {string} folder
 */
function tracesIn(folder) {
  return readdirSync(folder)
    .filter((name) => /\.(zst|gz)$/.test(name))
    .map((name) => relative(root, join(folder, name)));
}

const allFlag = "--all";
const userArgs = argv.slice(2).filter((arg) => arg !== allFlag);
const isAll = argv.includes(allFlag);

if (!setUp()) exit(1);
if (isAll && !existsSync(collectionFolder)) {
  console.error(`there is no collection of traces at ${collectionFolder}; KMEM_TRACES says where it is`);
  exit(1);
}
const folders = isAll ? ["malloc", "kernel"].map((name) => join(collectionFolder, name)) : [bundledFolder];
const traces = folders.flatMap(tracesIn);
console.log(
  "Real programs' calls of malloc, and a Linux kernel's of its allocators, replayed through kmem (TypeScript)",
);
console.log("and through the native mallocs of this machine, in turns:\n");
const exitCode = run(pinnedNode, [
  "packages/kmem-cli/bin/kmem.js",
  "replay",
  "--runs",
  String(roundCount),
  ...userArgs,
  ...traces,
]);
console.log("\nTry next: npx kmem replay --check FILE with a trace of your own, or npx kmem replay --help");
console.log("See a heap in the browser: npx kmem inspect --sample, and a trace: npx kmem inspect FILE");
exit(exitCode);
