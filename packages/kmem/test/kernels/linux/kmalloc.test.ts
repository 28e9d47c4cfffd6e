// What the document leaves open of kmalloc, and its siblings: the reference's §1, §6.1 and §7.3.

import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, heapStats } from "../../../src/index.ts";
import { GFP_ATOMIC, GFP_DMA, GFP_KERNEL, ZERO_SIZE_PTR } from "../../../src/kernels/linux/linux.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";
import { MIB, PAGE, p, TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

describe("kmalloc and kfree", () => {
  it("of size 0 give the smallest block there is, a new one each time", () => {
    const { kmalloc, ksize, kfree } = kernel.calls;
    const [one, other] = [kmalloc(0, GFP_KERNEL), kmalloc(0, GFP_KERNEL)];
    expect(one).not.toBe(other);
    expect([ksize(one), ksize(other)]).toEqual([32, 32]);
    kfree(one);
    kfree(other);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuse the size %d", (size) => {
    const { kmalloc } = kernel.calls;
    kernel.expectRefusal(() => kmalloc(size, GFP_KERNEL), 0, `kmalloc: not a size: ${size}`);
  });

  it.each([0x20, 0x1000, -1, 1.5, 2 ** 32 + 7])("refuse the priority %d", (priority) => {
    const { kmalloc } = kernel.calls;
    kernel.expectRefusal(() => kmalloc(10, priority), 0, `kmalloc: not a combination of flags: ${priority}`);
  });

  it("give NULL for 2^32 - 1 and more, at once", () => {
    const { kmalloc } = kernel.calls;
    for (const size of [2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      kernel.expectRefusal(() => kmalloc(size, GFP_KERNEL), 0, `kmalloc of too large a block (${size} bytes).`);
    }
  });

  it("refuse pointers that are none, and change nothing", () => {
    const { kmalloc, kfree, __get_free_pages, vmalloc } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    const page = __get_free_pages(GFP_KERNEL, 0);
    const area = vmalloc(100);
    const refuse = (address: number, text: string): void => kernel.expectRefusal(() => kfree(address), undefined, text);
    refuse(obj + 16, `kfree: bad ptr ${p(obj + 16)}h.`);
    refuse(obj + 1, `kfree: bad ptr ${p(obj + 1)}h.`);
    refuse(page, `kfree: bad ptr ${p(page)}h.`);
    refuse(PAGE, `kfree: out of range ptr ${p(PAGE)}h.`);
    refuse(64 * MIB, `kfree: out of range ptr ${p(64 * MIB)}h.`);
    refuse(area, `kfree: out of range ptr ${p(area)}h.`);
    refuse(-5, "kfree: out of range ptr -5h.");
    refuse(Number.NaN, "kfree: out of range ptr NaNh.");
    refuse(null as never, "kfree: out of range ptr null.");
    refuse("16" as never, 'kfree: out of range ptr "16".');
  });

  it("refuse to free twice, blocks of slabs and of pages", () => {
    const { kmalloc, kfree } = kernel.calls;
    const small = kmalloc(100, GFP_KERNEL);
    kfree(small);
    const text = `kmem_free: Double free detected during checks (objp=${p(small)}, name=kmalloc-128)`;
    kernel.expectRefusal(() => kfree(small), undefined, text);
    const large = kmalloc(100_000, GFP_KERNEL);
    kfree(large);
    kernel.expectRefusal(() => kfree(large), undefined, `kfree: bad ptr ${p(large)}h.`);
  });

  it("take objects of caches too, as Linux's kfree does", () => {
    const cachep = kernel.cache("objects", 100);
    kernel.calls.kfree(kernel.calls.kmem_cache_alloc(cachep, GFP_KERNEL));
    expect(kernel.printed()).toEqual([]);
    expect(kernel.calls.kmem_cache_destroy(cachep)).toBe(0);
  });

  it("serve GFP_DMA from any page where the heap has no DMA zone", () => {
    const obj = kernel.calls.kmalloc(100, GFP_DMA | GFP_KERNEL);
    expect(kernel.calls.ksize(obj)).toBe(128);
    kernel.calls.kfree(obj);
    kernel.expectClean();
  });

  it("give NULL when there are too many caches to make one for GFP_DMA", () => {
    const dma = new TestKernel({ sizeBytes: 8 * MIB, dmaBytes: MIB });
    for (let index = 0; dma.cache(`cache-${index}`, 8) !== 0; index++);
    dma.printed();
    dma.expectRefusal(() => dma.calls.kmalloc(100, GFP_DMA | GFP_KERNEL), 0, "Couldn't get a free page.....");
    expect(dma.calls.kmalloc(100, GFP_KERNEL)).toBeGreaterThan(0);
  });

  it("give NULL when the DMA zone is full, and what is freed serves again", () => {
    const dma = new TestKernel({ sizeBytes: 8 * MIB, dmaBytes: MIB });
    const { kmalloc, kfree, ksize } = dma.calls;
    const blocks: number[] = [];
    for (let obj = kmalloc(30_000, GFP_DMA | GFP_KERNEL); obj !== 0; obj = kmalloc(30_000, GFP_DMA | GFP_KERNEL)) {
      blocks.push(obj);
    }
    expect(dma.printed()).toEqual(["Couldn't get a free page....."]);
    expect(blocks.length).toBeGreaterThan(25);
    expect(ksize(blocks[0] as number)).toBe(32_768);
    expect(blockAt(dma.heap, blocks[0] as number)?.cache).toBe("size-32768(DMA)");
    kfree(blocks[3] as number);
    expect(kmalloc(30_000, GFP_DMA | GFP_ATOMIC)).toBe(blocks[3]);
    dma.expectClean();
  });
});

describe("siblings of kmalloc", () => {
  const dirty = (size: number): void => {
    const obj = kernel.calls.kmalloc(size, GFP_KERNEL);
    kernel.bytes.fill(0xff, obj, obj + kernel.calls.ksize(obj));
    kernel.calls.kfree(obj);
  };
  const isZero = (obj: number, length: number): boolean =>
    kernel.bytes.subarray(obj, obj + length).every((byte) => byte === 0);

  it.each([1, 33, 300, 5000, 131_048])("kzalloc and kcalloc clear %i bytes", (size) => {
    dirty(size);
    expect(isZero(kernel.calls.kzalloc(size, GFP_KERNEL), size)).toBe(true);
    dirty(size);
    expect(isZero(kernel.calls.kcalloc(1, size, GFP_KERNEL), size)).toBe(true);
  });

  it("kmalloc_array, kcalloc and krealloc_array give NULL where the product overflows", () => {
    const { kmalloc_array, kcalloc, krealloc_array, kmalloc } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    kernel.expectRefusal(() => kmalloc_array(2 ** 31, 2, GFP_KERNEL), 0);
    kernel.expectRefusal(() => kcalloc(2 ** 32, 2 ** 32, GFP_KERNEL), 0);
    kernel.expectRefusal(() => krealloc_array(obj, 65_536, 65_536, GFP_KERNEL), 0);
    expect(kernel.calls.ksize(kmalloc_array(10, 30, GFP_KERNEL))).toBeGreaterThanOrEqual(300);
    expect(kernel.calls.ksize(krealloc_array(obj, 10, 30, GFP_KERNEL))).toBeGreaterThanOrEqual(300);
  });

  it("krealloc stays while the block is large enough, and moves the contents when it is not", () => {
    const { kmalloc, krealloc } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    fillPattern(kernel.bytes, obj, obj + 128, 1);
    expect(krealloc(obj, 128, GFP_KERNEL)).toBe(obj);
    expect(krealloc(obj, 1, GFP_KERNEL)).toBe(obj);
    const moved = krealloc(obj, 50_000, GFP_KERNEL);
    expect(moved).not.toBe(obj);
    expect(patternFault(kernel.bytes, moved, moved + 128, 1)).toBe(-1);
    expect(blockAt(kernel.heap, obj)?.live).toBe(false);
  });

  it("krealloc that finds no memory gives NULL, and the old block is as it was", () => {
    const { kmalloc, krealloc, ksize } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    fillPattern(kernel.bytes, obj, obj + 128, 1);
    kernel.takeAllPages();
    expect(krealloc(obj, 100_000, GFP_KERNEL)).toBe(0);
    expect(krealloc(obj, 200_000, GFP_KERNEL)).toBe(0);
    expect(kernel.printed()).toEqual(["Couldn't get a free page.....", "kmalloc of too large a block (200000 bytes)."]);
    expect(ksize(obj)).toBe(128);
    expect(patternFault(kernel.bytes, obj, obj + 128, 1)).toBe(-1);
  });

  it("krealloc to 0 frees and gives ZERO_SIZE_PTR, which kfree, ksize and krealloc take", () => {
    const { kmalloc, krealloc, kfree, ksize } = kernel.calls;
    const zero = krealloc(kmalloc(100, GFP_KERNEL), 0, GFP_KERNEL);
    expect(zero).toBe(ZERO_SIZE_PTR);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
    kernel.expectRefusal(() => kfree(zero), undefined);
    expect(ksize(zero)).toBe(0);
    expect(ksize(0)).toBe(0);
    expect(ksize(krealloc(zero, 100, GFP_KERNEL))).toBe(128);
    expect(ksize(krealloc(0, 200, GFP_KERNEL))).toBe(224);
  });

  it("krealloc refuses what is no live block", () => {
    const { kmalloc, krealloc } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    const text = `krealloc: bad ptr ${p(obj + 32)}h.`;
    kernel.expectRefusal(() => krealloc(obj + 32, 10, GFP_KERNEL), 0, text);
    kernel.expectRefusal(() => krealloc(obj, -1, GFP_KERNEL), 0, "krealloc: not a size: -1");
  });

  it("kstrdup and kmemdup copy, the first with the 0 at the end", () => {
    const { kmalloc, kstrdup, kmemdup } = kernel.calls;
    const text = kmalloc(10, GFP_KERNEL);
    kernel.bytes.set([107, 109, 101, 109, 0, 1, 2], text);
    const copy = kstrdup(text, GFP_KERNEL);
    expect([...kernel.bytes.subarray(copy, copy + 5)]).toEqual([107, 109, 101, 109, 0]);
    const bytes = kmemdup(text, 7, GFP_KERNEL);
    expect([...kernel.bytes.subarray(bytes, bytes + 7)]).toEqual([107, 109, 101, 109, 0, 1, 2]);
    expect(kstrdup(0, GFP_KERNEL)).toBe(0);
    const end = 8 * MIB;
    kernel.expectRefusal(() => kmemdup(end - 2, 3, GFP_KERNEL), 0, `kmemdup: bad ptr ${p(end - 2)}h.`);
    kernel.expectRefusal(() => kmemdup(text, -3, GFP_KERNEL), 0, "kmemdup: not a size: -3");
    kernel.expectRefusal(() => kstrdup(end, GFP_KERNEL), 0, `kstrdup: bad ptr ${p(end)}h.`);
  });
});
