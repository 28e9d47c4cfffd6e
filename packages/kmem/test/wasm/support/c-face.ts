import type { Heap } from "../../../src/index.ts";
import type { CFunctionName } from "../../../src/wasm/index.ts";

/** Malloc's family over a heap that is there from the first call on, and how often it was called. */
export interface CountedCalls {
  readonly functions: Readonly<Record<CFunctionName, (...args: number[]) => number | undefined>>;
  readonly counts: { allocated: number; freed: number };
}

const EINVAL = 28;
const ENOMEM = 48;

/** A plain face of C for 32-bit programs: what a test needs, without errno. */
export function countedCalls(heapOf: () => Heap): CountedCalls {
  const counts = { allocated: 0, freed: 0 };
  const got = (address: number): number => {
    if (address !== 0) counts.allocated++;
    return address;
  };
  const malloc = (size: number): number => got(heapOf().tryAlloc(size >>> 0));
  const free = (address: number): undefined => {
    if (address >>> 0 !== 0) counts.freed++;
    heapOf().free(address >>> 0);
  };
  const calloc = (count: number, size: number): number => {
    const address = malloc((count >>> 0) * (size >>> 0));
    if (address !== 0) new Uint8Array(heapOf().buffer, address, (count >>> 0) * (size >>> 0)).fill(0);
    return address;
  };
  const realloc = (address: number, size: number): number => {
    if (address === 0) return malloc(size);
    try {
      return heapOf().realloc(address >>> 0, size >>> 0);
    } catch {
      return 0;
    }
  };
  const memalign = (alignment: number, size: number): number => {
    try {
      return got(heapOf().alignedAlloc(Math.max(16, alignment >>> 0), size >>> 0));
    } catch {
      return 0;
    }
  };
  const posixMemalign = (result: number, alignment: number, size: number): number => {
    if (alignment < 4 || (alignment & (alignment - 1)) !== 0) return EINVAL;
    const address = memalign(alignment, size);
    if (address === 0) return ENOMEM;
    new DataView(heapOf().buffer).setUint32(result >>> 0, address, true);
    return 0;
  };
  return {
    counts,
    functions: {
      malloc,
      free,
      calloc,
      realloc,
      memalign,
      aligned_alloc: memalign,
      posix_memalign: posixMemalign,
      malloc_usable_size: (address) => (address === 0 ? 0 : heapOf().usableSize(address >>> 0)),
      reallocarray: (address, count, size) => realloc(address, (count >>> 0) * (size >>> 0)),
    },
  };
}
