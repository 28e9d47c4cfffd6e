import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ClusterReplayHeap, createHeap } from "../../src/contenders/cluster.ts";
import { accountOps } from "../../src/replay/footprint-of-ops.ts";
import { timeOps } from "../../src/replay/time-ops.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { writeOps } from "../replay/support.ts";
import { type OpTuple, withTempDir } from "../trace/support.ts";
import { bytesAt, SMALL_PLAN } from "./heap-support.ts";

const MIB = 2 ** 20;
const ALLOC_BYTES = MIB / 64;
const DESCRIPTOR_BYTES = 256;

describe("a cluster as a heap", () => {
  it("has blocks of powers of two from 64, aligned to their size, and nothing else in its footprint", () => {
    const heap = new ClusterReplayHeap(MIB);
    expect(heap.footprintBytes).toBe(ALLOC_BYTES + DESCRIPTOR_BYTES);
    let blockBytes = 0;
    for (const [sizeBytes, usableBytes] of [
      [0, 64],
      [64, 64],
      [65, 128],
      [4097, 8192],
      [65_536, 65_536],
    ] as const) {
      const address = heap.alloc(sizeBytes);
      expect(heap.usableSize(address)).toBe(usableBytes);
      expect(address % usableBytes).toBe(0);
      blockBytes += usableBytes;
      expect(heap.footprintBytes).toBe(ALLOC_BYTES + DESCRIPTOR_BYTES + blockBytes);
    }
  });

  it("aligns, clears and moves blocks as those heaps do that have a free", () => {
    const heap = new ClusterReplayHeap(MIB);
    const dirty = heap.alloc(100_000);
    bytesAt(heap, dirty, 100_000).fill(0xff);
    heap.reset();
    expect(heap.calloc(10, 10_000)).toBe(dirty);
    expect(bytesAt(heap, dirty, 100_000).every((byte) => byte === 0)).toBe(true);
    for (const alignment of [1, 32, 4096, 65_536]) {
      const address = heap.alignedAlloc(alignment, 100);
      expect(address % alignment).toBe(0);
      bytesAt(heap, address, 100).fill(alignment & 0xff);
      expect(heap.realloc(address, heap.usableSize(address))).toBe(address);
      const moved = heap.realloc(address, heap.usableSize(address) + 1);
      expect(moved).not.toBe(address);
      expect(bytesAt(heap, moved, 100).every((byte) => byte === (alignment & 0xff))).toBe(true);
      expect(heap.realloc(moved, 10)).toBe(moved);
    }
    expect(heap.usableSize(heap.realloc(0, 33))).toBe(64);
    expect(heap.check().findings).toEqual([]);
  });

  it("counts frees and ignores them, until it is made anew", () => {
    const heap = new ClusterReplayHeap(MIB);
    const address = heap.alloc(100);
    const { footprintBytes } = heap;
    heap.free(0);
    heap.free(address);
    heap.free(heap.realloc(heap.alloc(10), 1000));
    heap.pages.free(heap.pages.tryAlloc(4), 4);
    expect(heap.ignoredFreeCount).toBe(4);
    expect(heap.footprintBytes).toBeGreaterThan(footprintBytes);
    expect(heap.alloc(100)).not.toBe(address);
    heap.reset();
    expect(heap.ignoredFreeCount).toBe(0);
    expect(heap.alloc(100)).toBe(address);
    expect(heap.footprintBytes).toBe(footprintBytes);
  });

  it("has room for all that a workload asks for, up to 1 GiB", () => {
    const sizeBytes = (requestedBytes: number, opCount: number): number =>
      createHeap({ ...SMALL_PLAN, requestedBytes, opCount }).buffer.byteLength / 2;
    expect(sizeBytes(0, 0)).toBe(64 * MIB);
    expect(sizeBytes(40 * MIB, 100)).toBe(128 * MIB);
    expect(sizeBytes(40 * MIB, 2 * MIB)).toBe(256 * MIB);
    expect(sizeBytes(2 ** 40, 0)).toBe(1024 * MIB);
  });

  it("counts what fails once it is full, and goes on", async () => {
    const ops: OpTuple[] = [];
    for (let pair = 0; pair < 10; pair += 1) ops.push([OP.MALLOC, 0, 0, 200_000, 0], [OP.FREE, 0, 0, 200_000, 0]);
    await withTempDir((folder) => {
      const opsPath = join(folder, "ops");
      writeOps(opsPath, ops);
      const result = accountOps(new ClusterReplayHeap(MIB), { mode: "account", kind: "blocks", opsPath });
      // Of four quarters of 256 KiB the last one holds alloc[].
      expect(result).toMatchObject({ opCount: 20, failureCount: 7, ignoredFreeCount: 3, requestedBytes: 600_000 });
    });
  });

  it("begins every timed pass with a heap as new", async () => {
    await withTempDir((folder) => {
      const opsPath = join(folder, "ops");
      const closingPath = join(folder, "closing");
      writeOps(opsPath, [[OP.MALLOC, 0, 0, 200_000, 0]]);
      writeOps(closingPath, [[OP.FREE, 0, 0, 200_000, 0]]);
      const passes = { warmupMs: 0, timedCount: 9 };
      const result = timeOps(new ClusterReplayHeap(MIB), {
        mode: "time",
        kind: "blocks",
        opsPath,
        closingPath,
        passes,
      });
      expect(result.failureCount).toBe(0);
    });
  });
});
