// `npm start`: sets up, then shows the main job on the bundled traces.
import { argv, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { pinnedNode, run } from "./stages.mjs";

if (!setUp()) exit(1);
exit(run(pinnedNode, ["packages/kmem-cli/dist/cli.js", "demo", ...argv.slice(2)]));
