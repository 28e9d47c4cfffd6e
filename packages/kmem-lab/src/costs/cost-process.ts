import { argv, stdout } from "node:process";
import { modeCost } from "./debug-cost.ts";
import { regionCost } from "./region-cost.ts";

// The process of one measurement: `cost-process region CHUNKS` or `cost-process debug MODE`. It writes the result as
// JSON.

const [figure, what = ""] = argv.slice(2);
stdout.write(JSON.stringify(figure === "region" ? regionCost(Number(what)) : modeCost(what)));
