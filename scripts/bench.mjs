// `npm run bench`: sets up, measures every figure of the README, and writes it there and into docs/figures. It uses the
// large collection of traces beside the repository (or where KMEM_TRACES says) when it is there, else the bundled ones.
// Nothing else should run meanwhile.
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { argv, env, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { pinnedNode, root, run } from "./stages.mjs";

const bundledFolder = join(root, "packages", "kmem-cli", "traces");
const collectionFolder = resolve(root, env["KMEM_TRACES"] ?? join("..", "shared", "traces"), "malloc");

if (!setUp()) exit(1);
const folder = existsSync(collectionFolder) ? collectionFolder : bundledFolder;
const traces = readdirSync(folder)
  .filter((name) => /\.trace\.(zst|gz)$/.test(name))
  .map((name) => relative(root, join(folder, name)));
const places = ["--out", join("docs", "figures"), "--document", "README.md"];
const figures = run(pinnedNode, [
  "packages/kmem-cli/bin/kmem.js",
  "bench",
  "figures",
  ...places,
  ...argv.slice(2),
  ...traces,
]);
const regions = run(pinnedNode, ["scripts/region-cost.mjs"]);
const kills = run(pinnedNode, ["scripts/kill-figures.mjs"]);
const debugging = run(pinnedNode, ["scripts/debug-cost.mjs"]);
const sizes = run(pinnedNode, ["scripts/bundle-size.mjs"]);
exit(Math.max(figures, regions, kills, debugging, sizes));
