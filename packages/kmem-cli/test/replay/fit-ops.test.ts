import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as bucket from "../../src/contenders/bucket.ts";
import * as buddy from "../../src/contenders/buddy.ts";
import * as kmem from "../../src/contenders/kmem.ts";
import * as regionFirst from "../../src/contenders/region-first.ts";
import { bisect, fitOps } from "../../src/replay/fit-ops.ts";
import { accountOps } from "../../src/replay/footprint-of-ops.ts";
import { openHeap } from "../../src/replay/open-heap.ts";
import type { HeapModule } from "../../src/replay/replay-heap.ts";
import { OP, PAGE_BYTES } from "../../src/trace/op-stream.ts";
import { type OpTuple, withTempDir } from "../trace/support.ts";
import { writeOps } from "./support.ts";

const BLOCKS = 500;
const BLOCK_BYTES = 1000;

/** Blocks that are all live at the same time, then gone. */
const OPS: readonly OpTuple[] = [
  ...Array.from({ length: BLOCKS }, (_, slot): OpTuple => [OP.MALLOC, 0, slot, BLOCK_BYTES, 0]),
  ...Array.from({ length: BLOCKS }, (_, slot): OpTuple => [OP.FREE, 0, slot, BLOCK_BYTES, 0]),
];

function withOps<Result>(use: (opsPath: string) => Result): Promise<Result> {
  return withTempDir((folder) => {
    const opsPath = join(folder, "ops");
    writeOps(opsPath, OPS, [], { peakLiveBytes: BLOCKS * BLOCK_BYTES, peakLiveBlockCount: BLOCKS });
    return use(opsPath);
  });
}

/** Allocations that are refused in a memory; undefined where it is too small to begin in. */
function refusedIn(module: HeapModule, opsPath: string, memoryBytes: number): number | undefined {
  const job = { mode: "account", kind: "blocks", opsPath, memoryBytes } as const;
  try {
    return accountOps(openHeap(module, job), job).failureCount;
  } catch {
    return undefined;
  }
}

describe("the smallest memory that will do", () => {
  it.each([
    ["kmem", kmem],
    ["region-first", regionFirst],
    ["bucket", bucket],
    ["buddy", buddy],
  ])("is found within a page for %s: with one page less something is refused", async (_name, module: HeapModule) => {
    await withOps((opsPath) => {
      const { fitBytes = 0, grainBytes, problem } = fitOps(module, { mode: "fit", kind: "blocks", opsPath });
      expect(problem).toBeUndefined();
      expect(grainBytes).toBe(PAGE_BYTES);
      expect(fitBytes).toBeGreaterThan(BLOCKS * BLOCK_BYTES);
      expect(refusedIn(module, opsPath, fitBytes)).toBe(0);
      expect(refusedIn(module, opsPath, fitBytes - PAGE_BYTES)).not.toBe(0);
    });
  });

  it("is not looked for any more when the time is over", async () => {
    await withOps((opsPath) => {
      const found = fitOps(kmem, { mode: "fit", kind: "blocks", opsPath, limitMs: 0 });
      expect(found).toEqual({ grainBytes: PAGE_BYTES, trialCount: 1, problem: "it ran out of time" });
    });
  });

  it("is refused of a heap that takes what it likes", async () => {
    const greedy: HeapModule = { createHeap: () => kmem.createHeap({ peakLiveBytes: 0 }) };
    await withOps((opsPath) => {
      expect(() => fitOps(greedy, { mode: "fit", kind: "blocks", opsPath })).toThrow(
        /bytes of memory, it took 67108864/,
      );
    });
  });
});

describe("bisection", () => {
  it.each([1, 2, 3, 7, 50, 99, 100])("finds %d from any guess", (least) => {
    for (const guess of [0, 1, 2, 10, 64, 100, 1000]) {
      expect(bisect(guess, 100, (count) => (count >= least ? "fits" : "too small"))).toBe(least);
    }
  });

  it("says so where nothing fits", () => {
    expect(bisect(5, 100, () => "too small")).toBe("the largest memory that there can be is too small");
  });
});
