import { PAGE_BYTES } from "kmem-cli/internal/trace/op-stream";
import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const LIVE_AREAS = 100;
const REPLACEMENTS = 6_000;
const MAX_PAGES = 1_024;

/** Random churn of 100 areas of vmalloc of 4 KiB to 4 MiB, as many of each doubling. */
export const AREAS: Load = {
  name: "vmalloc",
  summary: "100 areas of 4 KiB … 4 MiB, replaced at random: kmem/linux's vmalloc; others: malloc",
  kind: "areas",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("areas", folder, LIVE_AREAS);
    const allocate = (slot: number): void => load.malloc(slot, random.logBetween(1, MAX_PAGES) * PAGE_BYTES);
    for (let slot = 0; slot < LIVE_AREAS; slot++) allocate(slot);
    for (let replacement = 0; replacement < REPLACEMENTS; replacement++) {
      const slot = random.between(0, LIVE_AREAS - 1);
      load.free(slot);
      allocate(slot);
    }
    return load.finish();
  },
};
