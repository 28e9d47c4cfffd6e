// `npm run changeset`: notes what a change means for users, as a file in `.changeset` that goes into its commit.
// `npm run changeset -- version` makes new versions and their parts of CHANGELOG.md out of those files. The tool is
// @changesets/cli, out of `tools/release`.
import { join } from "node:path";
import { argv, exit } from "node:process";
import { pinnedNode, run } from "./stages.mjs";
import { installTools } from "./tool-folder.mjs";

const tool = join(installTools("release"), "node_modules", "@changesets", "cli", "bin.js");
exit(run(pinnedNode, [tool, ...argv.slice(2)]));
