import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

const STRINGS = 1_000;
const OPS = 500_000;
const PIECE_MIN_BYTES = 1;
const PIECE_MAX_BYTES = 40;
/** Strings are given up at a length between these. */
const LAST_MIN_BYTES = 16;
const LAST_MAX_BYTES = 4096;

/** 1,000 strings that grow in turns by a few bytes at a time, up to 4 KiB, and then start again. */
export const STRINGS_LOAD: Load = {
  name: "strings",
  summary: "1,000 strings that realloc lengthens by 1 to 40 bytes, up to 4 KiB",
  kind: "blocks",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("blocks", folder, STRINGS);
    const lastBytes = new Uint32Array(STRINGS);
    const piece = (): number => random.between(PIECE_MIN_BYTES, PIECE_MAX_BYTES);
    const begin = (slot: number): void => {
      load.malloc(slot, piece());
      lastBytes[slot] = random.logBetween(LAST_MIN_BYTES, LAST_MAX_BYTES);
    };
    for (let slot = 0; slot < STRINGS; slot++) begin(slot);
    while (load.opCount < OPS) {
      const slot = random.between(0, STRINGS - 1);
      const longerBytes = load.size(slot) + piece();
      if (longerBytes <= lastBytes[slot]!) {
        load.realloc(slot, longerBytes);
      } else {
        load.free(slot);
        begin(slot);
      }
    }
    return load.finish();
  },
};
