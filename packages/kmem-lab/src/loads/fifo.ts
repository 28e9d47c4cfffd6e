import { type Load, SMALL_MAX_BYTES, SMALL_MIN_BYTES } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const LENGTH = 10_000;
const REPLACEMENTS = 500_000;

/** A queue of 10,000 blocks: the oldest is freed, a new one comes to its end. */
export const FIFO: Load = {
  name: "fifo",
  summary: "a queue of 10,000 blocks",
  kind: "blocks",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("blocks", folder, LENGTH);
    const allocate = (slot: number): void => load.malloc(slot, random.between(SMALL_MIN_BYTES, SMALL_MAX_BYTES));
    for (let slot = 0; slot < LENGTH; slot++) allocate(slot);
    for (let replacement = 0; replacement < REPLACEMENTS; replacement++) {
      const slot = replacement % LENGTH;
      load.free(slot);
      allocate(slot);
    }
    return load.finish();
  },
};
