import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const LIVE_RUNS = 200;
const REPLACEMENTS = 50_000;
const MAX_PAGES = 1_024;

/** Random churn of 200 runs of 1 to 1,024 pages, any number of them, as many of each doubling. */
export const PAGE_RUNS: Load = {
  name: "page runs",
  summary: "200 runs of 1 … 1,024 pages, any number, replaced at random; native: aligned_alloc of so many bytes",
  kind: "runs",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("runs", folder, LIVE_RUNS);
    const allocate = (slot: number): void => load.allocPages(slot, random.logBetween(1, MAX_PAGES));
    for (let slot = 0; slot < LIVE_RUNS; slot++) allocate(slot);
    for (let replacement = 0; replacement < REPLACEMENTS; replacement++) {
      const slot = random.between(0, LIVE_RUNS - 1);
      load.freePages(slot);
      allocate(slot);
    }
    return load.finish();
  },
};
