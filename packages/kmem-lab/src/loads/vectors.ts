import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const VECTORS = 1_000;
const OPS = 300_000;
const FIRST_BYTES = 32;
/** Vectors are given up at a length between these. */
const LAST_MIN_BYTES = 64;
const LAST_MAX_BYTES = 2 ** 18;

/** 1,000 vectors that grow in turns by doubling, up to 256 KiB, and then start again. */
export const VECTORS_LOAD: Load = {
  name: "vectors",
  summary: "1,000 vectors that double by realloc, up to 256 KiB",
  kind: "blocks",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("blocks", folder, VECTORS);
    const lastBytes = new Uint32Array(VECTORS);
    const begin = (slot: number): void => {
      load.malloc(slot, FIRST_BYTES);
      lastBytes[slot] = random.logBetween(LAST_MIN_BYTES, LAST_MAX_BYTES);
    };
    for (let slot = 0; slot < VECTORS; slot++) begin(slot);
    while (load.opCount < OPS) {
      const slot = random.between(0, VECTORS - 1);
      const doubledBytes = load.size(slot) * 2;
      if (doubledBytes <= lastBytes[slot]!) {
        load.realloc(slot, doubledBytes);
      } else {
        load.free(slot);
        begin(slot);
      }
    }
    return load.finish();
  },
};
