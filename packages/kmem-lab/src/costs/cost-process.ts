import { argv, stdout } from "node:process";
import { modeCost } from "./debug-cost.ts";
import { type ReaderJob, readerCost } from "./reader-cost.ts";
import { recordCost } from "./record-cost.ts";
import { regionCost } from "./region-cost.ts";

// The process of one measurement: `cost-process region CHUNKS`, `debug MODE`, `reader JOB` or `record JOB`, whose jobs
// are JSON. It writes the result as JSON.

const [figure, what = ""] = argv.slice(2);

function cost(): unknown {
  if (figure === "region") return regionCost(Number(what));
  if (figure === "record") return recordCost(what);
  return figure === "reader" ? readerCost(JSON.parse(what) as ReaderJob) : modeCost(what);
}

stdout.write(JSON.stringify(cost()));
