import { atomik, LogRing } from "kmem/atomik";
import { below, nextRandom } from "../threads/work/random.ts";

/** What a kfree and a kmalloc cost together in a region of so many chunks, about half of them free. */
export interface RegionCost {
  readonly chunks: number;
  readonly worstFitNs: number;
  readonly firstFitNs: number;
}

const NS_PER_MS = 1e6;
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
    let state = chunks;
    const random = (limit: number): number => {
      state = nextRandom(state);
      return below(state, limit);
    };
    const memory = new SharedArrayBuffer(chunks * BYTES_PER_CHUNK + SPARE_BYTES);
    const kernel = atomik(memory, new LogRing());
    const hdr = kernel.kmalloc_init(0, memory.byteLength - 1);
    const size = (): number => SMALLEST_BYTES + random(SIZE_SPREAD_BYTES);
    const all = Array.from({ length: chunks }, () => kernel.kmalloc_fast(size(), hdr));
    const live = all.filter((_, index) => index % 2 === 0);
    for (const [index, address] of all.entries()) if (index % 2 === 1) kernel.kfree(address, hdr);
    const alloc = kernel[name];
    const run = (count: number): void => {
      for (let pair = 0; pair < count; pair++) {
        const index = random(live.length);
        kernel.kfree(live[index]!, hdr);
        live[index] = alloc(size(), hdr);
      }
    };
    run(pairs);
    const startMs = performance.now();
    run(pairs);
    return ((performance.now() - startMs) * NS_PER_MS) / pairs;
  });
  return { chunks, worstFitNs: costs[0]!, firstFitNs: costs[1]! };
}
