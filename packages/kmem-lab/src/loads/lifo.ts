import { type Load, SMALL_MAX_BYTES, SMALL_MIN_BYTES } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const DEPTH = 10_000;
const OPS = 1_000_000;
const BURST_MAX = 1_000;

/** A stack: bursts of allocations, then of frees in the opposite order, up to 10,000 blocks deep. */
export const LIFO: Load = {
  name: "lifo",
  summary: "a stack up to 10,000 deep, in bursts",
  kind: "blocks",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("blocks", folder, DEPTH);
    let depth = 0;
    while (load.opCount < OPS) {
      const pushCount = Math.min(random.between(0, BURST_MAX), DEPTH - depth);
      for (let push = 0; push < pushCount; push++)
        load.malloc(depth++, random.between(SMALL_MIN_BYTES, SMALL_MAX_BYTES));
      const popCount = Math.min(random.between(0, BURST_MAX), depth);
      for (let pop = 0; pop < popCount; pop++) load.free(--depth);
    }
    return load.finish();
  },
};
