import { checkRegion, chunksOf } from "../../../src/region/check.ts";
import { allocateFirst, allocateWorst, createRegion, release, usableBytes } from "../../../src/region/region.ts";
import { freeFault } from "../../../src/region/verify.ts";
import type { Adapter, Allocator } from "../allocator.ts";
import { bufferOf, flatMemory, orOutOfMemory } from "./flat.ts";

/** A chunk's header. */
const OVERHEAD_BYTES = 32;
const WORD_SHIFT = 2;
const POLICIES = { worst: allocateWorst, first: allocateFirst } as const;
/** Where the region begins, and what must stay as it is around it. */
const START = 4096;
const AROUND = 0xa5;

/** A region as the layer has it, by one of its policies. */
export const regionAdapter = (policy: keyof typeof POLICIES): Adapter => ({
  name: `region, ${policy} fit`,
  lacks: {
    calloc: "the document has no calloc",
    realloc: "the document has no realloc",
    alignedAlloc: "chunks are aligned to 16",
    trim: "nothing is kept for speed",
    "refusal of sizes": "its callers verify them: kmem/atomik",
  },
  alignmentBytes: 16,
  blockBytes: (sizeBytes) => sizeBytes + OVERHEAD_BYTES,
  create: (memory): Allocator => {
    const buffer = bufferOf(memory.make());
    const bytes = new Uint8Array(buffer);
    const words = new Int32Array(buffer);
    const end = memory.sizeBytes - START;
    bytes.fill(AROUND, 0, START);
    bytes.fill(AROUND, end);
    const header = createRegion(words, START, end - 1) >>> WORD_SHIFT;
    const take = (sizeBytes: number): number => POLICIES[policy](words, header, sizeBytes);
    const findings = (): unknown[] => {
      const found: unknown[] = [];
      checkRegion(words, header, (address, problem) => found.push({ address, problem }));
      return found;
    };
    return {
      capacityBytes: end - START,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      free: (address) => {
        if (address === 0) return;
        const fault = freeFault(words, header, address);
        if (fault !== undefined) throw new Error(JSON.stringify(fault));
        release(words, header, address);
      },
      usableSize: (address) => usableBytes(words, address),
      findings,
      figures: () => [...chunksOf(words, header)],
      foreignFault: () => {
        const around = [...bytes.subarray(0, START), ...bytes.subarray(end)];
        return around.every((byte) => byte === AROUND) ? undefined : "a byte around the region has changed";
      },
      ...flatMemory(() => buffer),
    };
  },
});
