import { atomik, LogRing } from "../../src/kernels/atomik/atomik.ts";
import { Random } from "../support/random.ts";

/** What a kfree and a kmalloc cost together in a region of so many chunks, about half of them free. */
export interface RegionCost {
  readonly chunks: number;
  readonly worstFitNs: number;
  readonly firstFitNs: number;
}

const SMALLEST_BYTES = 16;
const SIZE_SPREAD_BYTES = 200;
/** More than a chunk takes on average, so that the region holds them all. */
const BYTES_PER_CHUNK = 200;
const SPARE_BYTES = 65_536;

/**
 * Measures pairs of kfree and kmalloc, and of kfree and kmalloc_fast, on random blocks of a region that holds `chunks`
 * chunks when it starts. Takes a second or so for each count.
 */
export function regionCost(chunks: number, pairs = 500_000): RegionCost {
  const costs = (["kmalloc", "kmalloc_fast"] as const).map((name) => {
    const random = new Random(chunks);
    const memory = new SharedArrayBuffer(chunks * BYTES_PER_CHUNK + SPARE_BYTES);
    const kernel = atomik(memory, new LogRing());
    const hdr = kernel.kmalloc_init(0, memory.byteLength - 1);
    const size = (): number => SMALLEST_BYTES + random.below(SIZE_SPREAD_BYTES);
    const all = Array.from({ length: chunks }, () => kernel.kmalloc_fast(size(), hdr));
    const live = all.filter((_, index) => index % 2 === 0);
    for (const [index, address] of all.entries()) if (index % 2 === 1) kernel.kfree(address, hdr);
    const alloc = kernel[name];
    const run = (count: number): void => {
      for (let pair = 0; pair < count; pair++) {
        const index = random.below(live.length);
        kernel.kfree(live[index] as number, hdr);
        live[index] = alloc(size(), hdr);
      }
    };
    run(pairs);
    const startMs = performance.now();
    run(pairs);
    return ((performance.now() - startMs) * 1e6) / pairs;
  });
  return { chunks, worstFitNs: costs[0] as number, firstFitNs: costs[1] as number };
}
