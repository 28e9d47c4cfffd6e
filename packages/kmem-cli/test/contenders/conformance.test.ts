// Engines as heaps of a replay pass the suite of the library: what the command makes of them is tried there too.

import { flatMemory, powerOfTwo } from "../../../kmem/test/conformance/adapters/flat.ts";
import type { Adapter } from "../../../kmem/test/conformance/allocator.ts";
import { describeConformance } from "../../../kmem/test/conformance/register.ts";
import { BucketsHeap } from "../../src/contenders/bucket.ts";
import { BuddyHeap } from "../../src/contenders/buddy.ts";
import type { EngineHeap } from "../../src/contenders/engine-heap.ts";
import { RegionHeap } from "../../src/contenders/region.ts";

const SIZE_BYTES = 2 ** 21;
const PAGE = 4096;
const MEMORY = {
  name: "a memory of its own",
  sizeBytes: SIZE_BYTES,
  maximumBytes: SIZE_BYTES,
  make: () => new SharedArrayBuffer(0),
};
const UNVERIFIED = "a replay has verified what it asks for";

function replayAdapter(name: string, blockBytes: (sizeBytes: number) => number, makeHeap: () => EngineHeap): Adapter {
  return {
    name,
    alignmentBytes: 16,
    blockBytes,
    lacks: { "refusal of sizes": UNVERIFIED, "refusal of addresses": UNVERIFIED },
    create: () => {
      const heap = makeHeap();
      return {
        capacityBytes: SIZE_BYTES,
        tryAlloc: (sizeBytes) => {
          try {
            return heap.alloc(sizeBytes);
          } catch {
            return 0;
          }
        },
        alloc: (sizeBytes) => heap.alloc(sizeBytes),
        calloc: (count, sizeBytes) => heap.calloc(count, sizeBytes),
        realloc: (address, sizeBytes) => heap.realloc(address, sizeBytes),
        alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
        free: (address) => heap.free(address),
        usableSize: (address) => heap.usableSize(address),
        trim: () => void heap.trim(),
        findings: () => heap.check().findings,
        figures: () => heap.footprintBytes,
        ...flatMemory(() => heap.buffer),
      };
    },
  };
}

const chunkBytes = (sizeBytes: number): number => sizeBytes + 32;
const ADAPTERS: readonly Adapter[] = [
  replayAdapter("region-worst", chunkBytes, () => new RegionHeap("worst", SIZE_BYTES)),
  replayAdapter("region-first", chunkBytes, () => new RegionHeap("first", SIZE_BYTES)),
  replayAdapter(
    "bucket",
    (sizeBytes) => powerOfTwo(sizeBytes, 16) * 2,
    () => new BucketsHeap(SIZE_BYTES),
  ),
  replayAdapter(
    "buddy",
    (sizeBytes) => Math.max(1, Math.ceil(sizeBytes / PAGE)) * PAGE,
    () => new BuddyHeap(SIZE_BYTES),
  ),
];

for (const adapter of ADAPTERS) describeConformance(adapter, [MEMORY]);
