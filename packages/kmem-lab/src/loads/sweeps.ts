import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";

/** What a sweep takes before it frees: more than the sheaves of a class and the cache of runs hold. */
const SWEPT_BYTES = 16 * 2 ** 20;
const OPS = 1_000_000;

/** Blocks of one size, allocated and then freed in that order, a million calls at least: all pass by slabs or pages. */
function sweepOf(sizeBytes: number, sizeText: string): Load {
  const count = Math.ceil(SWEPT_BYTES / sizeBytes);
  return {
    name: `sweep ${sizeText}`,
    summary: `${count.toLocaleString("en-US")} blocks of ${sizeText}, allocated and then freed in that order`,
    kind: "blocks",
    make: (folder) => {
      const load = new LoadWriter("blocks", folder, count);
      while (load.opCount < OPS) {
        for (let slot = 0; slot < count; slot++) load.malloc(slot, sizeBytes);
        for (let slot = 0; slot < count; slot++) load.free(slot);
      }
      return load.finish();
    },
  };
}

/** Small blocks, blocks of a page, and runs of pages. */
export const SWEEPS: readonly Load[] = [
  sweepOf(32, "32 B"),
  sweepOf(256, "256 B"),
  sweepOf(1024, "1 KiB"),
  sweepOf(4096, "4 KiB"),
  sweepOf(16_384, "16 KiB"),
  sweepOf(131_072, "128 KiB"),
];
