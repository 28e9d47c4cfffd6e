import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createHeap } from "../../src/contenders/kmem.ts";
import { checkOps } from "../../src/replay/check-ops.ts";
import type { CheckResult } from "../../src/replay/jobs.ts";
import type { CheckableHeap } from "../../src/replay/replay-heap.ts";
import type { WorkloadKind } from "../../src/replay/workload.ts";
import { OP, type OpCache } from "../../src/trace/op-stream.ts";
import { type OpTuple, withTempDir } from "../trace/support.ts";
import { bundledWorkloads, heapWith, outOfMemory, writeOps } from "./support.ts";

interface Setting {
  readonly kind?: WorkloadKind;
  readonly closing?: readonly OpTuple[];
  readonly caches?: readonly OpCache[];
  readonly checkEvery?: number;
}

function check(heap: CheckableHeap, ops: readonly OpTuple[], setting: Setting = {}): Promise<CheckResult> {
  const { kind = "blocks", closing = [], caches = [], checkEvery = 1000 } = setting;
  return withTempDir((folder) => {
    const opsPath = join(folder, "ops");
    const closingPath = join(folder, "closing");
    const slotCount = Math.max(...[...ops, ...closing].map(([, , slot]) => slot)) + 1;
    writeOps(opsPath, ops, caches, { slotCount });
    writeOps(closingPath, closing, caches, { slotCount });
    return checkOps(heap, { mode: "check", kind, opsPath, closingPath, checkEvery });
  });
}

const problems = ({ faults }: CheckResult): string[] =>
  faults.map(({ operation, problem }) => `${operation}: ${problem}`);

const TWO_BLOCKS: readonly OpTuple[] = [
  [OP.MALLOC, 0, 0, 100, 0],
  [OP.MALLOC, 0, 1, 100, 0],
  [OP.FREE, 0, 0, 100, 0],
  [OP.FREE, 0, 1, 100, 0],
];

describe("a check of a workload", () => {
  it.each(["sqlite_file.trace.zst", "mid-6.12-hashedptr.trace.txt.zst"])("finds no fault in kmem: %s", async (file) => {
    await withTempDir(async (folder) => {
      for (const { kind, opsPath, closingPath, opCount, live } of await bundledWorkloads(file, folder)) {
        const result = checkOps(createHeap(live), { mode: "check", kind, opsPath, closingPath, checkEvery: 20_000 });
        expect(result).toMatchObject({ opCount, failureCount: 0, faultCount: 0, faults: [] });
        expect(result.heapCheckCount).toBeGreaterThanOrEqual(1 + Math.floor(opCount / 20_000));
      }
    });
  });

  it("finds two blocks in one place", async () => {
    let first = 0;
    const heap = heapWith((inner) => ({
      alloc: (sizeBytes) => {
        if (first === 0) first = inner.alloc(sizeBytes);
        return first;
      },
      free: () => {
        if (first !== 0) inner.free(first);
        first = 0;
      },
    }));
    const result = await check(heap, TWO_BLOCKS);
    expect(problems(result)).toEqual([
      expect.stringMatching(
        /^3: slot 0, 100 bytes at 0x[\da-f]+: byte 0 is 0x[\da-f]+, not 0x[\da-f]+, when it is freed$/,
      ),
    ]);
  });

  it("finds bytes that are written before and behind a block", async () => {
    const heap = heapWith((inner) => ({
      free: (address) => {
        const bytes = new Uint8Array(inner.buffer);
        bytes[address - 1]! ^= 1;
        bytes[address + inner.usableSize(address)]! ^= 1;
        inner.free(address);
      },
    }));
    const neighbours = TWO_BLOCKS.map(([code, align, slot]): OpTuple => [code, align, slot, 112, 0]);
    expect(problems(await check(heap, neighbours))).toEqual([expect.stringMatching(/^4: slot 1, .* byte (0|111) is /)]);
  });

  it("finds contents that realloc has lost", async () => {
    const heap = heapWith((inner) => ({
      realloc: (address, sizeBytes) => {
        inner.free(address);
        const moved = inner.alloc(sizeBytes);
        new Uint8Array(inner.buffer)[moved + 50]! ^= 1;
        return moved;
      },
    }));
    const ops: OpTuple[] = [
      [OP.MALLOC, 0, 0, 100, 0],
      [OP.REALLOC, 0, 0, 110, 100],
    ];
    const closing: OpTuple[] = [[OP.FREE, 0, 0, 110, 0]];
    expect(problems(await check(heap, ops, { closing }))).toEqual([
      expect.stringMatching(/^2: .* byte 50 .* after realloc$/),
    ]);
  });

  it("finds a block of calloc that is not cleared", async () => {
    const heap = heapWith((inner) => ({
      calloc: (count, sizeBytes) => {
        const address = inner.calloc(count, sizeBytes);
        new Uint8Array(inner.buffer)[address + 9] = 3;
        return address;
      },
    }));
    const ops: OpTuple[] = [[OP.CALLOC, 0, 0, 40, 0]];
    const closing: OpTuple[] = [[OP.FREE, 0, 0, 40, 0]];
    expect(problems(await check(heap, ops, { closing }))).toEqual([
      expect.stringMatching(/^1: .*byte 9 is 0x3, not 0x0, in a block of calloc$/),
    ]);
  });

  it("finds a block that is not aligned as it should be, or ends beyond the memory", async () => {
    const crooked = heapWith(() => ({ alignedAlloc: () => 4096 + 32 }));
    expect(problems(await check(crooked, [[OP.ALIGNED, 6, 0, 10, 0]]))).toEqual([
      "1: slot 0, 10 bytes at 0x1020 is not aligned to 64",
    ]);
    const outside = heapWith((inner) => ({ alloc: () => inner.buffer.byteLength - 16 }));
    expect(problems(await check(outside, [[OP.MALLOC, 0, 0, 17, 0]]))).toEqual([
      expect.stringMatching(/^1: .* ends beyond the memory$/),
    ]);
  });

  it("finds pages that were overwritten before a piece of them came back", async () => {
    let isFirst = true;
    const heap = heapWith((inner) => ({
      pages: {
        tryAlloc: (pageCount) => inner.pages.tryAlloc(pageCount),
        free: (address, pageCount) => {
          if (isFirst) new Uint8Array(inner.buffer)[address + pageCount * 4096]! ^= 1;
          isFirst = false;
          inner.pages.free(address, pageCount);
        },
      },
    }));
    const ops: OpTuple[] = [
      [OP.PAGE_ALLOC, 0, 0, 1, 0],
      [OP.PAGE_FREE, 0, 0, 1, 0],
      [OP.PAGE_FREE, 0, 0, 1, 1],
    ];
    const result = await check(heap, ops, { kind: "pages" });
    expect(problems(result)).toEqual([expect.stringMatching(/^3: .*byte 4096 .* when its pages are freed$/)]);
  });

  it("reports what the heap refuses, and goes on", async () => {
    const heap = heapWith((inner) => ({
      free: (address) => {
        inner.free(address);
        throw new Error("no such block");
      },
    }));
    expect(problems(await check(heap, TWO_BLOCKS))).toEqual([
      "3: the heap refused it: no such block",
      "4: the heap refused it: no such block",
    ]);
  });

  it("reports what the heap's own check finds, as often as it is asked", async () => {
    const heap = heapWith(() => ({ check: () => ({ findings: [{ address: 0x1000, problem: "a broken list" }] }) }));
    const result = await check(heap, TWO_BLOCKS, { checkEvery: 2 });
    expect(result.heapCheckCount).toBe(3);
    expect(problems(result)).toEqual([
      "2: the heap's check at 0x1000: a broken list",
      "4: the heap's check at 0x1000: a broken list",
      "4: the heap's check at 0x1000: a broken list",
    ]);
  });

  it("finds memory that does not come back", async () => {
    const heap = heapWith(() => ({ free: () => {} }));
    const result = await check(heap, TWO_BLOCKS);
    expect(problems(result)).toEqual([
      expect.stringMatching(/^4: with everything freed the footprint is \d+ bytes; it /),
    ]);
  });

  it("frees what is left at the end, pieces of pages and objects of caches too", async () => {
    const caches = [{ objectBytes: 40, allocBytes: 40 }];
    const ops: OpTuple[] = [[OP.CACHE_ALLOC, 0, 0, 40, 0]];
    const closing: OpTuple[] = [[OP.CACHE_FREE, 0, 0, 40, 0]];
    expect(await check(heapWith(), ops, { kind: "objects", caches, closing })).toMatchObject({ faultCount: 0 });
    expect(await check(heapWith(), ops, { kind: "objects", caches })).toMatchObject({ faultCount: 1 });
  });

  it("counts want of memory as no fault", async () => {
    const heap = heapWith(() => ({ alloc: outOfMemory }));
    expect(await check(heap, TWO_BLOCKS)).toMatchObject({ failureCount: 2, faultCount: 0 });
  });

  it("lists the first faults and counts the rest", async () => {
    const heap = heapWith(() => ({ alignedAlloc: () => 8 }));
    const ops = Array.from({ length: 30 }, (_, slot): OpTuple => [OP.ALIGNED, 4, slot, 1, 0]);
    const result = await check(heap, ops);
    expect(result.faultCount).toBe(30);
    expect(result.faults).toHaveLength(20);
  });
});
