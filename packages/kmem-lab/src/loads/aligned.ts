import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const LIVE_BLOCKS = 10_000;
const REPLACEMENTS = 300_000;
const LOG2_ALIGN_MIN = 4;
const LOG2_ALIGN_MAX = 12;
const MIN_BYTES = 16;
const MAX_BYTES = 2048;

/** Random churn of 10,000 aligned blocks; each alignment from 16 to 4,096 is as likely. */
export const ALIGNED_LOAD: Load = {
  name: "aligned",
  summary: "10,000 blocks of 16 B to 2 KiB aligned to 16 … 4,096, replaced at random",
  kind: "blocks",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("blocks", folder, LIVE_BLOCKS);
    const allocate = (slot: number): void =>
      load.aligned(slot, random.between(LOG2_ALIGN_MIN, LOG2_ALIGN_MAX), random.logBetween(MIN_BYTES, MAX_BYTES));
    for (let slot = 0; slot < LIVE_BLOCKS; slot++) allocate(slot);
    for (let replacement = 0; replacement < REPLACEMENTS; replacement++) {
      const slot = random.between(0, LIVE_BLOCKS - 1);
      load.free(slot);
      allocate(slot);
    }
    return load.finish();
  },
};
