// What the My Kernel page (document 001) leaves open, and what its original is known to get wrong.
import { beforeEach, describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../../src/index.ts";
import {
  KMALLOC_DEFAULT,
  KMALLOC_KERNEL,
  LogRing,
  type MyKernel,
  mykernel,
  SIZE_MAX,
} from "../../../src/kernels/mykernel/mykernel.ts";
import { firstDifference } from "../../support/expectations.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";

const PAGE = 4096;
const MIB = 1024 * 1024;
const hex = (address: number): string => `0x${address.toString(16)}`;

let heap: Heap;
let log: LogRing;
let kernel: MyKernel;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 2 * MIB });
  log = new LogRing();
  kernel = mykernel(heap, log);
});

const bytes = (): Uint8Array => new Uint8Array(heap.buffer);
const freePages = (): number => heap.pages.stats().reduce((sum, zone) => sum + zone.freePages, 0);

/** Asserts what a call returns and prints, and that it leaves every byte as it was. */
function expectRefused(call: () => unknown, returns: unknown, ...messages: string[]): void {
  const before = bytes().slice();
  log.clear();
  expect(call()).toBe(returns);
  expect(log.messages()).toEqual(messages);
  expect(firstDifference(before, bytes())).toBe(-1);
}

describe("sizes", () => {
  it("gives NULL for size 0, in every function, and changes nothing", () => {
    const { kmalloc, kcalloc, krealloc, krealloc_array, kmalloc_dma } = kernel;
    const calls = [
      () => kmalloc(0, 0),
      () => kcalloc(0, 8, 0),
      () => kcalloc(8, 0, 0),
      () => krealloc(0, 0, 0),
      () => krealloc_array(0, 0, 8, 0),
      () => kmalloc_dma(0),
    ];
    for (const call of calls) expectRefused(call, 0);
  });

  it.each([Number.NaN, -1, -0.5, 0.5, 100.25, Number.POSITIVE_INFINITY, "8", undefined, null])(
    "gives NULL and a message for a size that is none: %s",
    (size) => {
      const bad = size as number;
      const shown = typeof size === "string" ? `"${size}"` : String(size);
      const block = kernel.kmalloc(16, 0);
      expectRefused(() => kernel.kmalloc(bad, 0), 0, `kmalloc: not a size: ${shown}`);
      expectRefused(() => kernel.kcalloc(bad, 1, 0), 0, `kcalloc: not a size: ${shown}`);
      expectRefused(() => kernel.kcalloc(1, bad, 0), 0, `kcalloc: not a size: ${shown}`);
      expectRefused(() => kernel.krealloc(block, bad, 0), 0, `krealloc: not a size: ${shown}`);
      expectRefused(() => kernel.krealloc_array(block, bad, 1, 0), 0, `krealloc_array: not a size: ${shown}`);
      expectRefused(() => kernel.krealloc_array(block, 1, bad, 0), 0, `krealloc_array: not a size: ${shown}`);
      expectRefused(() => kernel.kmalloc_dma(bad), 0, `kmalloc_dma: not a size: ${shown}`);
      expect(kernel.ksize(block)).toBe(16);
    },
  );

  it("gives NULL for sizes that no memory holds, at once and without wrapping", () => {
    const sizes = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, SIZE_MAX - 1, SIZE_MAX, 2 ** 32, 2 ** 32 + 8, 2 ** 53];
    const before = bytes().slice();
    for (const size of sizes) {
      expect(kernel.kmalloc(size, 0)).toBe(0);
      expect(kernel.kmalloc_dma(size)).toBe(0);
      expect(kernel.krealloc(0, size, 0)).toBe(0);
    }
    expect(log.messages()).toEqual([]);
    expect(firstDifference(before, bytes())).toBe(-1);
  });

  it("serves the largest block that there is room for, and gives NULL for twice that", () => {
    const large = kernel.kmalloc(MIB, KMALLOC_DEFAULT);
    fillPattern(bytes(), large, large + MIB, 1);
    expect(kernel.kmalloc(2 * MIB, KMALLOC_DEFAULT)).toBe(0);
    expect(patternFault(bytes(), large, large + MIB, 1)).toBe(-1);
    kernel.kfree(large);
    expect(kernel.check().findings).toEqual([]);
  });

  it("serves 2 GiB in a memory of 4 GiB", () => {
    const vast = mykernel(new SharedArrayBuffer(2 ** 32), log);
    const ptr = vast.kmalloc(2 ** 31 - 5, KMALLOC_DEFAULT);
    expect(vast.ksize(ptr)).toBe(2 ** 31);
    expect(vast.kmalloc(2 ** 31, KMALLOC_DEFAULT)).toBe(0);
    new Uint8Array(vast.heap.buffer)[ptr + 2 ** 31 - 1] = 7;
    vast.kfree(ptr);
    expect(vast.stats().liveBlocks).toBe(0);
    expect(log.messages()).toEqual([]);
  });

  it("makes no bucket that does not fit: NULL when memory is full, and everything again once it is freed", () => {
    const before = freePages();
    const pointers: number[] = [];
    for (const size of [100_000, 4096, 500, 8]) {
      for (let ptr = kernel.kmalloc(size, 0); ptr !== 0; ptr = kernel.kmalloc(size, 0)) pointers.push(ptr);
      expect(kernel.check().findings).toEqual([]);
    }
    expect(new Set(pointers).size).toBe(pointers.length);
    for (const ptr of pointers) kernel.kfree(ptr);
    expect(freePages()).toBe(before);
    expect(log.messages()).toEqual([]);
  });

  it("takes back what lies idle in the heap beside it before it gives NULL", () => {
    const blocks: number[] = [];
    for (let at = heap.tryAlloc(1000); at !== 0; at = heap.tryAlloc(1000)) blocks.push(at);
    expect(kernel.kmalloc(100_000, 0)).toBe(0);
    for (const block of blocks) heap.free(block);
    expect(heapStats(heap).caches).not.toEqual([]);
    while (kernel.kmalloc(2000, 0) !== 0);
    expect(heapStats(heap).caches).toEqual([]);
    expect(kernel.check().findings).toEqual([]);
  });
});

describe("vectors of the reference, §11.5", () => {
  it("kcalloc(SIZE_MAX/2, 4) gives NULL", () => {
    const nmemb = Math.floor(SIZE_MAX / 2);
    expectRefused(() => kernel.kcalloc(nmemb, 4, 0), 0, `kcalloc: ${nmemb} members of 4 bytes overflow`);
    const above = () => kernel.kcalloc(2 ** 33, 0, 0);
    expectRefused(above, 0, "kcalloc: 8589934592 members of 0 bytes overflow");
    // 65,536 times 65,536 wraps to 0 in 32 bits, 65,537 times that to 65,536.
    expectRefused(() => kernel.kcalloc(65_536, 65_536, 0), 0, "kcalloc: 65536 members of 65536 bytes overflow");
    expectRefused(() => kernel.kcalloc(65_537, 65_536, 0), 0, "kcalloc: 65537 members of 65536 bytes overflow");
  });

  it("krealloc_array that overflows gives the old pointer, its content intact", () => {
    const ptr = kernel.kmalloc(100, 0);
    fillPattern(bytes(), ptr, ptr + 100, 1);
    const text = "krealloc_array: 1073741824 members of 4 bytes overflow";
    expectRefused(() => kernel.krealloc_array(ptr, 2 ** 30, 4, KMALLOC_KERNEL), ptr, text);
    expect(patternFault(bytes(), ptr, ptr + 100, 1)).toBe(-1);
    expectRefused(() => kernel.krealloc_array(0, 2 ** 30, 4, 0), 0, text);
    expectRefused(
      () => kernel.krealloc_array(ptr + 4, 2 ** 30, 4, 0),
      0,
      text,
      `reallocating an invalid pointer: ${hex(ptr + 4)}`,
    );
    // No overflow: 2^32 does not fit, one member less is only too much.
    expectRefused(() => kernel.krealloc_array(ptr, 2 ** 30 - 1, 4, 0), 0);
    expect(kernel.ksize(ptr)).toBe(128);
  });

  it("a double free is ignored, whether its bucket is still there or not", () => {
    const [first, second] = [kernel.kmalloc(64, 0), kernel.kmalloc(64, 0)];
    kernel.kfree(first);
    expectRefused(() => kernel.kfree(first), undefined, `kfree: the block at ${hex(first)} is already free`);
    kernel.kfree(second);
    expectRefused(() => kernel.kfree(second), undefined, `kfree: no backing bucket for ${hex(second)}`);
    expect(kernel.check().findings).toEqual([]);
  });

  it("127 blocks of 32 bytes fill one page, the 128th opens a second bucket", () => {
    const before = freePages();
    for (let count = 0; count < 127; count++) kernel.kmalloc(32, 0);
    expect(before - freePages()).toBe(1);
    kernel.kmalloc(32, 0);
    expect(before - freePages()).toBe(2);
    expect(kernel.stats()).toMatchObject({ buckets: 2, liveBlocks: 128 });
  });

  it("the last free gives the bucket back", () => {
    const before = freePages();
    const pointers = Array.from({ length: 300 }, () => kernel.kmalloc(32, 0));
    for (const ptr of pointers) kernel.kfree(ptr);
    expect(freePages()).toBe(before);
    expect(kernel.stats().buckets).toBe(0);
  });

  it("the original's smoke test: kcalloc(4, 4) four times, 4 pages, 8 blocks of 256 bytes", () => {
    for (let round = 0; round < 4; round++) {
      const ptr = kernel.kcalloc(4, 4, 0);
      expect(
        bytes()
          .subarray(ptr, ptr + 16)
          .every((byte) => byte === 0),
      ).toBe(true);
      bytes().fill(0xcc, ptr, ptr + 16);
      kernel.kfree(ptr);
    }
    kernel.kfree(kernel.kmalloc(4 * PAGE, 0));
    const blocks = Array.from({ length: 8 }, () => kernel.kmalloc(256, 0));
    for (const [index, ptr] of blocks.entries()) fillPattern(bytes(), ptr, ptr + 256, index);
    for (const [index, ptr] of blocks.entries()) {
      expect(patternFault(bytes(), ptr, ptr + 256, index)).toBe(-1);
      kernel.kfree(ptr);
    }
    expect(kernel.stats()).toMatchObject({ buckets: 0, liveBlocks: 0 });
  });
});

describe("kfree", () => {
  it("does nothing for NULL", () => {
    expectRefused(() => kernel.kfree(0), undefined);
    expectRefused(() => kernel.kfree_dma(0), undefined);
  });

  it("refuses what is not the start of a block, wherever it points in a bucket", () => {
    const ptr = kernel.kmalloc(64, 0);
    const page = Math.floor(ptr / PAGE) * PAGE;
    for (const bad of [ptr + 1, ptr + 8, ptr + 63, page, page + 8, page + 32]) {
      expectRefused(() => kernel.kfree(bad), undefined, `kfree: address is not the start of a block: ${hex(bad)}`);
    }
    const large = kernel.kmalloc(20_000, 0);
    for (const bad of [large + 8, large + 3 * PAGE, large - PAGE]) {
      expectRefused(() => kernel.kfree(bad), undefined, `kfree: address is not the start of a block: ${hex(bad)}`);
    }
  });

  it("refuses foreign pointers: of the heap, its pages, its tables, beyond the end, and what is no address", () => {
    const foreign = [heap.alloc(64), heap.alloc(100_000), heap.pages.alloc(2), 16, PAGE, heap.buffer.byteLength];
    for (const bad of [...foreign, 2 ** 32 - 8, 2 ** 32, 2 ** 40, -8]) {
      const shown = bad < 0 ? String(bad) : hex(bad);
      expectRefused(() => kernel.kfree(bad), undefined, `kfree: no backing bucket for ${shown}`);
    }
    for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY, undefined, null, "x"]) {
      expectRefused(() => kernel.kfree(bad as number), undefined, `kfree: no backing bucket for ${bad}`);
    }
  });

  it("refuses a buffer for DMA, and kfree_dma a block", () => {
    const buffer = kernel.kmalloc_dma(3 * PAGE);
    for (const bad of [buffer, buffer + 64, buffer + PAGE]) {
      const text = `kfree: ${hex(bad)} belongs to a DMA buffer, free it with kfree_dma`;
      expectRefused(() => kernel.kfree(bad), undefined, text);
    }
    // A block of a page or more starts a page, and is no buffer all the same.
    const block = kernel.kmalloc(PAGE, 0);
    expect(block % PAGE).toBe(0);
    expectRefused(() => kernel.kfree_dma(block), undefined, `free: no backing segment for ${hex(block)}`);
  });

  it("believes nothing that stands in a buffer for DMA", () => {
    const block = kernel.kmalloc(512, 0);
    const bucket = Math.floor(block / PAGE) * PAGE;
    const buffer = kernel.kmalloc_dma(PAGE);
    bytes().copyWithin(buffer, bucket, bucket + PAGE);
    expectRefused(
      () => kernel.kfree(buffer + (block - bucket)),
      undefined,
      `kfree: ${hex(buffer + (block - bucket))} belongs to a DMA buffer, free it with kfree_dma`,
    );
  });

  it("survives a write into a freed block: the freelist is made anew from the bitmap", () => {
    const pointers = Array.from({ length: 5 }, () => kernel.kmalloc(512, 0));
    const bucket = Math.floor((pointers[0] as number) / PAGE) * PAGE;
    for (const stray of [0x1234_5678, pointers[4] as number, bucket, 0]) {
      kernel.kfree(pointers[1] as number);
      kernel.kfree(pointers[2] as number);
      new Int32Array(heap.buffer)[(pointers[2] as number) / 4] = stray;
      expect(kernel.check().isClean).toBe(false);
      log.clear();
      const again = [kernel.kmalloc(512, 0), kernel.kmalloc(512, 0)];
      expect(again.sort()).toEqual([pointers[1], pointers[2]].sort());
      const text = `kmalloc: the freelist of the bucket at ${hex(bucket)} was overwritten and has been rebuilt`;
      expect(log.messages()).toEqual([text]);
      expect(kernel.check().findings).toEqual([]);
    }
  });
});

describe("krealloc", () => {
  it("of NULL is kmalloc", () => {
    const ptr = kernel.krealloc(0, 100, KMALLOC_KERNEL);
    expect([...kernel.blocks()]).toEqual([{ address: ptr, usableBytes: 128, flags: KMALLOC_KERNEL }]);
  });

  it("to size 0 frees the block and gives NULL", () => {
    const ptr = kernel.kmalloc(100, 0);
    expect(kernel.krealloc(ptr, 0, 0)).toBe(0);
    expect(kernel.stats()).toMatchObject({ buckets: 0, liveBlocks: 0 });
    expect(log.messages()).toEqual([]);
  });

  it("keeps the old block when it cannot grow, and when it cannot move to other flags", () => {
    const ptr = kernel.kmalloc(3000, KMALLOC_DEFAULT);
    fillPattern(bytes(), ptr, ptr + 4096, 2);
    for (const size of [4 * MIB, SIZE_MAX, 2 ** 40]) expectRefused(() => kernel.krealloc(ptr, size, 0), 0);
    const others: number[] = [];
    for (let page = kernel.kmalloc_dma(1); page !== 0; page = kernel.kmalloc_dma(1)) others.push(page);
    expect(kernel.krealloc(ptr, 5000, KMALLOC_DEFAULT)).toBe(0);
    expect(kernel.krealloc(ptr, 10, KMALLOC_KERNEL)).toBe(0);
    expect(patternFault(bytes(), ptr, ptr + 4096, 2)).toBe(-1);
    expect([...kernel.blocks()]).toEqual([{ address: ptr, usableBytes: 4096, flags: KMALLOC_DEFAULT }]);
    expect(kernel.krealloc(ptr, 10, KMALLOC_DEFAULT)).toBe(ptr);
  });

  it("reads nothing past the old block", () => {
    const ptr = kernel.kmalloc(8, 0);
    const neighbour = kernel.kmalloc(8, 0);
    bytes().fill(0x11, Math.min(ptr, neighbour), Math.max(ptr, neighbour) + 8);
    const target = kernel.kmalloc(128, 0);
    bytes().fill(0x22, target, target + 128);
    const keeper = kernel.kmalloc(128, 0);
    kernel.kfree(target);
    const moved = kernel.krealloc(ptr, 100, 0);
    expect(moved).toBe(target);
    expect([...bytes().subarray(moved, moved + 8)]).toEqual(new Array(8).fill(0x11));
    expect(
      bytes()
        .subarray(moved + 8, moved + 128)
        .every((byte) => byte === 0x22),
    ).toBe(true);
    expect(kernel.ksize(keeper)).toBe(128);
  });

  it("refuses a freed block and a buffer for DMA", () => {
    const [ptr, other] = [kernel.kmalloc(64, 0), kernel.kmalloc(64, 0)];
    kernel.kfree(ptr);
    const buffer = kernel.kmalloc_dma(1);
    for (const bad of [ptr, buffer]) {
      expectRefused(() => kernel.krealloc(bad, 10, 0), 0, `reallocating an invalid pointer: ${hex(bad)}`);
      expectRefused(() => kernel.krealloc(bad, 0, 0), 0, `reallocating an invalid pointer: ${hex(bad)}`);
    }
    expect(kernel.ksize(other)).toBe(64);
  });
});

describe("kfree_dma", () => {
  it("refuses what is not the start of a page, with the original's message", () => {
    const buffer = kernel.kmalloc_dma(2 * PAGE);
    for (const bad of [buffer + 1, buffer + 64, 12]) {
      expectRefused(
        () => kernel.kfree_dma(bad),
        undefined,
        `kfree_dma: address is not the start of a page: ${hex(bad)}`,
      );
    }
    for (const bad of [-PAGE, 0.5, Number.NaN, 2 ** 32]) {
      const shown = bad === 2 ** 32 ? hex(bad) : String(bad);
      expectRefused(() => kernel.kfree_dma(bad), undefined, `kfree_dma: address is not the start of a page: ${shown}`);
    }
  });

  it("refuses pages that start no buffer: inside of one, freed, of the heap, of the tables", () => {
    const buffer = kernel.kmalloc_dma(3 * PAGE);
    const freed = kernel.kmalloc_dma(PAGE);
    kernel.kfree_dma(freed);
    for (const bad of [buffer + PAGE, buffer + 2 * PAGE, freed, heap.pages.alloc(1), PAGE]) {
      expectRefused(() => kernel.kfree_dma(bad), undefined, `free: no backing segment for ${hex(bad)}`);
    }
    kernel.kfree_dma(buffer);
    expect(kernel.check().findings).toEqual([]);
  });
});
