import { describe, expect, it } from "vitest";
import { BucketsHeap, createHeap as createBucket } from "../../src/contenders/bucket.ts";
import { BuddyHeap, createHeap as createBuddy } from "../../src/contenders/buddy.ts";
import { ClusterReplayHeap, createHeap as createCluster } from "../../src/contenders/cluster.ts";
import { RegionHeap } from "../../src/contenders/region.ts";
import { createHeap as createFirst } from "../../src/contenders/region-first.ts";
import { createHeap as createWorst } from "../../src/contenders/region-worst.ts";
import { checkOps } from "../../src/replay/check-ops.ts";
import type { CheckableHeap, HeapPlan } from "../../src/replay/replay-heap.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { bundledWorkloads } from "../replay/support.ts";
import { withTempDir } from "../trace/support.ts";
import { bytesAt } from "./heap-support.ts";

const MIB = 2 ** 20;

interface Engine {
  readonly name: string;
  readonly createHeap: (plan: HeapPlan) => CheckableHeap;
  /** A heap in about so many bytes. */
  readonly createSmall: (sizeBytes: number) => CheckableHeap;
}

const ENGINES: readonly Engine[] = [
  { name: "region-worst", createHeap: createWorst, createSmall: (bytes) => new RegionHeap("worst", bytes) },
  { name: "region-first", createHeap: createFirst, createSmall: (bytes) => new RegionHeap("first", bytes) },
  { name: "bucket", createHeap: createBucket, createSmall: (bytes) => new BucketsHeap(bytes) },
  { name: "buddy", createHeap: createBuddy, createSmall: (bytes) => new BuddyHeap(bytes) },
  { name: "cluster", createHeap: createCluster, createSmall: (bytes) => new ClusterReplayHeap(bytes) },
];

describe.each(ENGINES)("$name", ({ name, createHeap, createSmall }) => {
  it.each(["sqlite_file.trace.zst", "mid-6.12-hashedptr.trace.txt.zst"])(
    "replays %s with every block whole and none refused",
    async (file) => {
      await withTempDir(async (folder) => {
        for (const { kind, opsPath, closingPath } of await bundledWorkloads(file, folder)) {
          const reader = new OpReader(opsPath);
          reader.close();
          const heap = createHeap(reader.header);
          const result = checkOps(heap, { mode: "check", kind, opsPath, closingPath, checkEvery: 50_000 });
          expect(result).toMatchObject({ opCount: reader.header.opCount, failureCount: 0, faults: [] });
        }
      });
    },
  );

  it("says when there is no memory, and a realloc that fails leaves its block", () => {
    const heap = createSmall(MIB);
    const address = heap.alloc(100);
    bytesAt(heap, address, 100).fill(7);
    for (const request of [
      () => heap.alloc(MIB),
      () => heap.calloc(2, MIB),
      () => heap.alignedAlloc(2 ** 31, 2 ** 31),
      () => heap.realloc(address, 2 ** 32 - 1),
      () => heap.createCache({ name: "large", sizeBytes: 2 * MIB }).alloc(),
    ]) {
      expect(request).toThrow(expect.objectContaining({ code: "OUT_OF_MEMORY" }));
    }
    expect(heap.pages.tryAlloc(256)).toBe(0);
    expect(bytesAt(heap, address, 100).every((byte) => byte === 7)).toBe(true);
    expect(heap.check().findings).toEqual([]);
  });

  it("makes caches and pages, and counts all of it in its footprint", () => {
    const heap = createSmall(4 * MIB);
    const initialBytes = heap.footprintBytes;
    expect(initialBytes).toBeLessThan(2 * MIB);
    const cache = heap.createCache({ name: "objects", sizeBytes: 200 });
    const objects = [cache.alloc(), cache.alloc()];
    const run = heap.pages.tryAlloc(8);
    expect(run % 4096).toBe(0);
    const grownBytes = heap.footprintBytes;
    expect(grownBytes).toBeGreaterThanOrEqual(initialBytes + 8 * 4096);
    heap.pages.free(run + 2 * 4096, 3);
    heap.pages.free(run + 5 * 4096, 3);
    heap.pages.free(run, 2);
    for (const object of objects) cache.free(object);
    heap.trim();
    expect(heap.footprintBytes).toBe(name === "cluster" ? grownBytes : initialBytes);
    expect(heap.check().findings).toEqual([]);
  });
});
