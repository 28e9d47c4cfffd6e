import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const MIN_BYTES = 16;
const MAX_BYTES = 2 ** 20;
const LIVE_BLOCKS = 1_000;
const REPLACEMENTS = 150_000;

/** Random churn of 1,000 blocks from 16 bytes to 1 MiB, as many of each doubling. */
export const MIXED_SIZES: Load = {
  name: "mixed sizes",
  summary: "1,000 blocks of 16 B to 1 MiB, replaced at random",
  kind: "blocks",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("blocks", folder, LIVE_BLOCKS);
    const allocate = (slot: number): void => load.malloc(slot, random.logBetween(MIN_BYTES, MAX_BYTES));
    for (let slot = 0; slot < LIVE_BLOCKS; slot++) allocate(slot);
    for (let replacement = 0; replacement < REPLACEMENTS; replacement++) {
      const slot = random.between(0, LIVE_BLOCKS - 1);
      load.free(slot);
      allocate(slot);
    }
    return load.finish();
  },
};
