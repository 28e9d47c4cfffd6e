import { describe, expect, it } from "vitest";
import { BucketsHeap, createHeap as createBucket } from "../../src/heaps/bucket.ts";
import { BuddyHeap, createHeap as createBuddy } from "../../src/heaps/buddy.ts";
import { ClusterReplayHeap, createHeap as createCluster } from "../../src/heaps/cluster.ts";
import { RegionHeap } from "../../src/heaps/region.ts";
import { createHeap as createFirst } from "../../src/heaps/region-first.ts";
import { createHeap as createWorst } from "../../src/heaps/region-worst.ts";
import { checkOps } from "../../src/replay/check-ops.ts";
import type { CheckableHeap, HeapPlan } from "../../src/replay/replay-heap.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { bundledWorkloads } from "../replay/support.ts";
import { withTempDir } from "../trace/support.ts";
import { bytesAt } from "./support.ts";

const MIB = 2 ** 20;
/** As large as the block of calloc that is to come where it was. */
const DIRTY_BYTES = 72_000;

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

  it("gives every block an address of its own, aligned to 16, that holds what was asked for", () => {
    const heap = createSmall(4 * MIB);
    const addresses = [0, 1, 15, 16, 17, 100, 4096, 5000, 70_000, 0].map((sizeBytes) => {
      const address = heap.alloc(sizeBytes);
      expect(address % 16).toBe(0);
      expect(heap.usableSize(address)).toBeGreaterThanOrEqual(sizeBytes);
      return address;
    });
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(addresses).not.toContain(0);
    heap.free(0);
    for (const address of addresses) heap.free(address);
    expect(heap.check().findings).toEqual([]);
  });

  it.each([1, 32, 64, 4096, 8192, 65_536])("aligns to %d, frees what it aligned, and knows its size", (alignment) => {
    const heap = createSmall(4 * MIB);
    heap.alloc(1);
    const blocks = [1, 100, 5000].map((sizeBytes) => ({
      address: heap.alignedAlloc(alignment, sizeBytes),
      sizeBytes,
    }));
    for (const { address, sizeBytes } of blocks) {
      expect(address % alignment).toBe(0);
      expect(heap.usableSize(address)).toBeGreaterThanOrEqual(sizeBytes);
      bytesAt(heap, address, heap.usableSize(address)).fill(0xaa);
    }
    expect(heap.check().findings).toEqual([]);
    for (const { address } of blocks) heap.free(address);
    expect(heap.check().findings).toEqual([]);
  });

  it("clears what calloc hands out, more than one copy of zeros of it too", () => {
    const heap = createSmall(MIB);
    const dirty = heap.alloc(DIRTY_BYTES);
    bytesAt(heap, dirty, DIRTY_BYTES).fill(0xff);
    heap.free(dirty);
    heap.reset?.();
    const address = heap.calloc(7, 10_003);
    expect(address).toBe(dirty);
    expect(bytesAt(heap, address, 70_021).findIndex((byte) => byte !== 0)).toBe(-1);
    expect(bytesAt(heap, address + 70_021, 1)[0]).toBe(0xff);
  });

  it("keeps the contents of a block that it moves, and leaves one where it fits", () => {
    const heap = createSmall(4 * MIB);
    for (const alignment of [16, 8192]) {
      const address = heap.alignedAlloc(alignment, 100);
      expect(heap.realloc(address, heap.usableSize(address))).toBe(address);
      bytesAt(heap, address, 100).forEach((_, index, bytes) => {
        bytes[index] = index;
      });
      heap.alloc(16);
      const moved = heap.realloc(address, 50_000);
      expect(bytesAt(heap, moved, 100)).toEqual(Uint8Array.from({ length: 100 }, (_, index) => index));
      expect(heap.realloc(moved, 10)).toBe(moved);
      heap.free(moved);
    }
    expect(heap.usableSize(heap.realloc(0, 33))).toBeGreaterThanOrEqual(33);
    expect(heap.check().findings).toEqual([]);
  });

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
