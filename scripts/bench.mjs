// `npm run bench`: sets up, then runs `kmem-lab all`, which measures every figure of the documents. What is given goes
// to it, as in `npm run bench -- --only traces,live`. Runs on Node 20 with nothing installed.
import { argv, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { pinnedNode, run } from "./stages.mjs";

if (!setUp()) exit(1);
exit(run(pinnedNode, ["packages/kmem-lab/bin/kmem-lab.js", "all", ...argv.slice(2)]));
