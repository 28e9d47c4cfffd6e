import type { Adapter, Allocator, MemoryCase } from "../allocator.ts";
import { flatMemory, orOutOfMemory } from "./flat.ts";

/** A policy as the command `kmem` takes it from a file: docs/policy.md. */
export interface Policy {
  alloc(sizeBytes: number): number;
  free(address: number): void;
  usableSize(address: number): number;
  readonly footprintBytes?: number;
  check?(): readonly unknown[];
}

/** What such a file exports. */
export interface PolicyModule {
  createPolicy(memory: {
    readonly buffer: ArrayBufferLike;
    readonly bytes: Uint8Array;
    readonly words: Int32Array;
    readonly start: number;
    readonly end: number;
  }): Policy;
}

const START = 4096;
const GRANULE = 16;
/** What a policy may take besides, for each block. */
const BESIDE_BYTES = 64;
const MADE_OF_ALLOC = "kmem replay makes it of alloc and free";
const UNVERIFIED = "a policy need not verify what it is given";

/** Bytes of the largest block, to 16, that can be had now: free neighbours must have become one again. */
function largestBlock(policy: Policy, limitBytes: number): number {
  let [fits, fails] = [0, limitBytes + GRANULE];
  while (fails - fits > GRANULE) {
    const middle = Math.floor((fits + fails) / 2 / GRANULE) * GRANULE;
    const address = policy.alloc(middle);
    if (address === 0) fails = middle;
    else policy.free(address);
    if (address !== 0) fits = middle;
  }
  return fits;
}

/** A user's policy, over a buffer of the suite's. */
export const policyAdapter = (name: string, { createPolicy }: PolicyModule): Adapter => ({
  name,
  lacks: {
    calloc: MADE_OF_ALLOC,
    realloc: MADE_OF_ALLOC,
    alignedAlloc: MADE_OF_ALLOC,
    trim: "nothing is kept for speed",
    "refusal of sizes": UNVERIFIED,
    "refusal of addresses": UNVERIFIED,
  },
  alignmentBytes: 16,
  blockBytes: (sizeBytes) => sizeBytes + BESIDE_BYTES,
  unfit: (memory) => (memory.make() instanceof SharedArrayBuffer ? undefined : "a policy gets a SharedArrayBuffer"),
  create: (memory: MemoryCase): Allocator => {
    const buffer = memory.make() as SharedArrayBuffer;
    const { sizeBytes: end } = memory;
    const views = { buffer, bytes: new Uint8Array(buffer), words: new Int32Array(buffer) };
    const policy = createPolicy({ ...views, start: START, end });
    // As `kmem replay` does: a block of no bytes is one of a byte.
    const take = (sizeBytes: number): number => policy.alloc(Math.max(1, sizeBytes));
    return {
      capacityBytes: end - START,
      tryAlloc: take,
      alloc: (sizeBytes) => orOutOfMemory(take(sizeBytes)),
      free: (address) => policy.free(address),
      usableSize: (address) => policy.usableSize(address),
      findings: () => policy.check?.() ?? [],
      figures: () => [policy.footprintBytes, largestBlock(policy, end - START)],
      ...flatMemory(() => buffer),
    };
  },
});
