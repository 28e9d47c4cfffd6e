import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createHeap } from "../../src/contenders/kmem.ts";
import { accountOps } from "../../src/replay/footprint-of-ops.ts";
import type { ReplayHeap } from "../../src/replay/replay-heap.ts";
import type { WorkloadKind } from "../../src/replay/workload.ts";
import { OP, type OpCache } from "../../src/trace/op-stream.ts";
import { type OpTuple, withTempDir } from "../trace/support.ts";
import { bundledWorkloads, heapWith, outOfMemory, writeOps } from "./support.ts";

function accountOf(heap: ReplayHeap, kind: WorkloadKind, ops: readonly OpTuple[], caches: readonly OpCache[] = []) {
  return withTempDir((folder) => {
    const opsPath = join(folder, "ops");
    writeOps(opsPath, ops, caches);
    return accountOps(heap, { mode: "account", kind, opsPath });
  });
}

describe("the account of a workload", () => {
  it.each(["sqlite_file.trace.zst", "mid-6.12-hashedptr.trace.txt.zst"])(
    "has the counts and sizes that the trace has: %s",
    async (file) => {
      await withTempDir(async (folder) => {
        for (const { kind, opsPath, opCount, live } of await bundledWorkloads(file, folder)) {
          const heap = createHeap(live);
          const account = accountOps(heap, { mode: "account", kind, opsPath });
          expect(account).toMatchObject({
            opCount,
            failureCount: 0,
            requestedBytes: live.requestedBytes,
            peakLiveBytes: live.peakLiveBytes,
            substituteCacheCount: 0,
          });
          expect(account.allocatedBytes).toBeGreaterThanOrEqual(account.requestedBytes);
          expect(account.peakFootprintBytes).toBeGreaterThan(account.peakLiveBytes);
        }
      });
    },
  );

  it("adds up what was asked for and what came of it, and notes the peaks", async () => {
    const footprints = [1000, 1100, 1900, 1500, 1200, 1000, 1000];
    const heap = heapWith((inner) => ({
      usableSize: (address) => inner.usableSize(address),
      get footprintBytes() {
        return footprints.shift() ?? 0;
      },
    }));
    const account = await accountOf(heap, "blocks", [
      [OP.MALLOC, 0, 0, 100, 0],
      [OP.CALLOC, 0, 1, 30, 0],
      [OP.REALLOC, 0, 0, 300, 100],
      [OP.FREE, 0, 0, 300, 0],
      [OP.ALIGNED, 6, 2, 64, 0],
    ]);
    expect(account).toEqual({
      opCount: 5,
      failureCount: 0,
      requestedBytes: 100 + 30 + 300 + 64,
      allocatedBytes: 112 + 32 + 320 + 64,
      peakLiveBytes: 330,
      peakFootprintBytes: 1900,
      substituteCacheCount: 0,
    });
  });

  it("counts pieces of pages as they come back", async () => {
    const account = await accountOf(heapWith(), "pages", [
      [OP.PAGE_ALLOC, 0, 0, 2, 0],
      [OP.PAGE_FREE, 0, 0, 3, 1],
      [OP.PAGE_ALLOC, 0, 1, 0, 0],
      [OP.PAGE_ALLOC, 0, 2, 1, 0],
    ]);
    expect(account).toMatchObject({ requestedBytes: 7 * 4096, allocatedBytes: 7 * 4096, peakLiveBytes: 4 * 4096 });
  });

  it("leaves out what is refused, and its free", async () => {
    const heap = heapWith((inner) => ({
      alloc: (sizeBytes) => (sizeBytes > 1000 ? outOfMemory() : inner.alloc(sizeBytes)),
    }));
    const account = await accountOf(heap, "blocks", [
      [OP.MALLOC, 0, 0, 5000, 0],
      [OP.MALLOC, 0, 1, 16, 0],
      [OP.FREE, 0, 0, 5000, 0],
      [OP.MALLOC, 0, 2, 16, 0],
    ]);
    expect(account).toMatchObject({ failureCount: 1, requestedBytes: 32, allocatedBytes: 32, peakLiveBytes: 32 });
  });

  it("serves objects of a cache that cannot be made from the general allocator, and says so", async () => {
    const caches = [
      { objectBytes: 140_000, allocBytes: 143_360 },
      { objectBytes: 64, allocBytes: 64 },
    ];
    const ops: OpTuple[] = [
      [OP.CACHE_ALLOC, 0, 0, 140_000, 0],
      [OP.CACHE_ALLOC, 0, 1, 64, 1],
      [OP.CACHE_FREE, 0, 0, 140_000, 0],
    ];
    const account = await accountOf(heapWith(), "objects", ops, caches);
    expect(account).toMatchObject({ substituteCacheCount: 1, requestedBytes: 140_064, allocatedBytes: 143_360 + 64 });
  });
});
