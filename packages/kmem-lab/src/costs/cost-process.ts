import { argv, stdout } from "node:process";
import { modeCost } from "./debug-cost.ts";
import { type ReaderJob, readerCost } from "./reader-cost.ts";
import { regionCost } from "./region-cost.ts";

// The process of one measurement: `cost-process region CHUNKS`, `debug MODE` or `reader JOB`, a ReaderJob as JSON. It
// writes the result as JSON.

const [figure, what = ""] = argv.slice(2);

function cost(): unknown {
  if (figure === "region") return regionCost(Number(what));
  return figure === "reader" ? readerCost(JSON.parse(what) as ReaderJob) : modeCost(what);
}

stdout.write(JSON.stringify(cost()));
