// The sentences of the My Kernel page (document 001). The name of each test begins with the sentence that it is about.
import { beforeEach, describe, expect, it } from "vitest";
import { BucketWord } from "../../../src/bucket/layout.ts";
import { dumpHeap, Heap, loadDump } from "../../../src/index.ts";
import {
  KMALLOC_DEFAULT,
  KMALLOC_KERNEL,
  kmalloc_flags,
  LogRing,
  type MyKernel,
  mykernel,
} from "../../../src/kernels/mykernel/mykernel.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";

const PAGE = 4096;
const MIB = 1024 * 1024;

let heap: Heap;
let log: LogRing;
let kernel: MyKernel;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 2 * MIB });
  log = new LogRing();
  kernel = mykernel(heap, log);
});

const bytes = (): Uint8Array => new Uint8Array(heap.buffer);
const words = (): Int32Array => new Int32Array(heap.buffer);
const freePages = (): number => heap.pages.stats().reduce((sum, zone) => sum + zone.freePages, 0);
const bucketOf = (ptr: number): number => Math.floor(ptr / PAGE) * PAGE;
const bucketWord = (ptr: number, field: number): number => words()[bucketOf(ptr) / 4 + field] >>> 0;

/** The free list of a bucket of small blocks, read from its bytes. */
function freelist(ptr: number): number[] {
  const list: number[] = [];
  for (let at = bucketWord(ptr, BucketWord.FREE_HEAD); at !== 0; at = words()[at / 4] >>> 0) list.push(at);
  return list;
}

describe("functions and flags", () => {
  it("Feature flags passed to the kmalloc function family: KMALLOC_DEFAULT is 0, KMALLOC_KERNEL is 8", () => {
    expect(kmalloc_flags).toEqual({ KMALLOC_DEFAULT: 0, KMALLOC_KERNEL: 8 });
    expect([KMALLOC_DEFAULT, KMALLOC_KERNEL]).toEqual([0, 8]);
    expect([kernel.kmalloc_flags, kernel.KMALLOC_DEFAULT, kernel.KMALLOC_KERNEL]).toEqual([kmalloc_flags, 0, 8]);
  });

  it("Allocate size bytes and return a pointer to the allocated memory: every byte holds what is written", () => {
    const { kmalloc } = kernel;
    const sizes = [1, 7, 8, 9, 100, 2048, 2049, 4096, 4097, 10_000, 70_000];
    const blocks = sizes.map((size) => ({ size, ptr: kmalloc(size, KMALLOC_DEFAULT) }));
    for (const [seed, { ptr, size }] of blocks.entries()) fillPattern(bytes(), ptr, ptr + size, seed);
    for (const [seed, { ptr, size }] of blocks.entries()) {
      expect(ptr).toBeGreaterThan(0);
      expect(patternFault(bytes(), ptr, ptr + size, seed)).toBe(-1);
    }
    expect(kernel.check().findings).toEqual([]);
  });

  it("Allocate nmemb members of size bytes and initialize its content to 0: in memory that was full of ones", () => {
    for (const [nmemb, size] of [
      [1, 1],
      [3, 1],
      [5, 5],
      [100, 7],
      [3, 1000],
      [10, 4096],
    ] as const) {
      const dirty = kernel.kmalloc(nmemb * size, KMALLOC_KERNEL);
      const neighbour = kernel.kmalloc(nmemb * size, KMALLOC_KERNEL);
      bytes().fill(0xff, dirty, dirty + kernel.ksize(dirty));
      bytes().fill(0xff, neighbour, neighbour + kernel.ksize(neighbour));
      kernel.kfree(dirty);
      // A bucket that goes back to the page allocator may come again: all free pages are full of ones too.
      for (const address of [...Array(40).keys()].map(() => heap.pages.alloc(1))) {
        bytes().fill(0xff, address, address + PAGE);
        heap.pages.free(address, 1);
      }
      const ptr = kernel.kcalloc(nmemb, size, KMALLOC_KERNEL);
      expect(
        bytes()
          .subarray(ptr, ptr + nmemb * size)
          .every((byte) => byte === 0),
      ).toBe(true);
      expect(
        bytes()
          .subarray(neighbour, neighbour + nmemb * size)
          .every((byte) => byte === 0xff),
      ).toBe(true);
    }
  });

  it("Free a pointer allocated through Kernel dynamic allocator: from each of the four functions", () => {
    const before = freePages();
    const pointers = [
      kernel.kmalloc(40, KMALLOC_DEFAULT),
      kernel.kcalloc(4, 10, KMALLOC_DEFAULT),
      kernel.krealloc(kernel.kmalloc(4, KMALLOC_DEFAULT), 5000, KMALLOC_DEFAULT),
      kernel.krealloc_array(0, 10, 30, KMALLOC_DEFAULT),
    ];
    expect(kernel.stats().liveBlocks).toBe(4);
    for (const ptr of pointers) kernel.kfree(ptr);
    expect(kernel.stats()).toEqual({ buckets: 0, liveBlocks: 0, dmaBuffers: 0, dmaPages: 0 });
    expect(freePages()).toBe(before);
    expect(log.messages()).toEqual([]);
  });

  it("Allocate an addressable memory buffer suitable for DMA operations: whole pages, which can be written", () => {
    const buffer = kernel.kmalloc_dma(10_000);
    expect(buffer % PAGE).toBe(0);
    fillPattern(bytes(), buffer, buffer + 3 * PAGE, 1);
    expect(patternFault(bytes(), buffer, buffer + 3 * PAGE, 1)).toBe(-1);
    expect(kernel.stats()).toMatchObject({ dmaBuffers: 1, dmaPages: 3 });
    expect(kernel.check().findings).toEqual([]);
  });

  it("Free a buffer allocated through kmalloc_dma: its pages are free again", () => {
    const before = freePages();
    const buffers = [1, PAGE, PAGE + 1, 100_000].map((size) => kernel.kmalloc_dma(size));
    expect(before - freePages()).toBe(1 + 1 + 2 + 25);
    for (const buffer of buffers) kernel.kfree_dma(buffer);
    expect(freePages()).toBe(before);
    expect(log.messages()).toEqual([]);
    expect(kernel.check().findings).toEqual([]);
  });

  it("Kmalloc is the dynamic memory allocator used inside our kernel: all of it lives in the kernel's memory", () => {
    const ptr = kernel.kmalloc(100, KMALLOC_KERNEL);
    fillPattern(bytes(), ptr, ptr + 100, 5);
    const copy = mykernel(loadDump(dumpHeap(heap)), new LogRing());
    expect(copy.stats()).toEqual(kernel.stats());
    expect(patternFault(new Uint8Array(copy.heap.buffer), ptr, ptr + 100, 5)).toBe(-1);
    copy.kfree(ptr);
    expect(copy.stats().liveBlocks).toBe(0);
    expect(kernel.stats().liveBlocks).toBe(1);
  });

  it("This must not be confused with malloc: heap and kmalloc refuse each other's blocks", () => {
    const user = heap.alloc(64);
    const ptr = kernel.kmalloc(64, KMALLOC_DEFAULT);
    expect(() => heap.free(ptr)).toThrow("cannot free");
    kernel.kfree(user);
    expect(log.messages()).toEqual([`kfree: no backing bucket for 0x${user.toString(16)}`]);
    kernel.kfree(ptr);
    heap.free(user);
    expect(kernel.check().findings).toEqual([]);
  });
});

describe("design", () => {
  it("The kmalloc allocator uses a bucket allocator design: the blocks of a size share a bucket", () => {
    const first = kernel.kmalloc(64, KMALLOC_DEFAULT);
    expect(kernel.stats().buckets).toBe(1);
    expect(bucketOf(kernel.kmalloc(64, KMALLOC_DEFAULT))).toBe(bucketOf(first));
    expect(kernel.stats().buckets).toBe(1);
    kernel.kmalloc(128, KMALLOC_DEFAULT);
    expect(kernel.stats().buckets).toBe(2);
  });

  it("a mapped space, called a bucket, divided into blocks of the same given size: a page of 31 blocks of 128", () => {
    const blocks = Array.from({ length: 31 }, () => kernel.kmalloc(128, KMALLOC_DEFAULT)).sort((a, b) => a - b);
    expect(kernel.stats().buckets).toBe(1);
    expect(blocks).toEqual(Array.from({ length: 31 }, (_, index) => bucketOf(blocks[0] as number) + 128 * (index + 1)));
  });

  it("The size of these blocks is always a power of 2 (8 bytes, 16 bytes, etc.): for every request to 5,000", () => {
    for (let size = 1; size <= 5000; size++) {
      const ptr = kernel.kmalloc(size, KMALLOC_DEFAULT);
      expect(kernel.ksize(ptr)).toBe(Math.max(8, 2 ** Math.ceil(Math.log2(size))));
      kernel.kfree(ptr);
    }
    const sixteens = [kernel.kmalloc(16, 0), kernel.kmalloc(16, 0)];
    expect(Math.abs((sixteens[0] as number) - (sixteens[1] as number))).toBe(16);
    const eights = [kernel.kmalloc(8, 0), kernel.kmalloc(8, 0)];
    expect(Math.abs((eights[0] as number) - (eights[1] as number))).toBe(8);
  });

  it("kmalloc chooses the bucket with the smallest block size that can fit the data, of all that are free", () => {
    const [small, middle, large] = [kernel.kmalloc(64, 0), kernel.kmalloc(128, 0), kernel.kmalloc(256, 0)];
    expect(bucketOf(kernel.kmalloc(65, 0))).toBe(bucketOf(middle));
    expect(bucketOf(kernel.kmalloc(128, 0))).toBe(bucketOf(middle));
    expect(bucketOf(kernel.kmalloc(129, 0))).toBe(bucketOf(large));
    expect(bucketOf(kernel.kmalloc(33, 0))).toBe(bucketOf(small));
  });

  it("There is no metadata stored with the data inside the block: all of its bytes stay as they were", () => {
    const ptr = kernel.kmalloc(32, KMALLOC_DEFAULT);
    fillPattern(bytes(), ptr, ptr + 32, 9);
    const others = Array.from({ length: 126 }, () => kernel.kmalloc(32, KMALLOC_DEFAULT));
    for (const other of others) bytes().fill(0xee, other, other + 32);
    expect(patternFault(bytes(), ptr, ptr + 32, 9)).toBe(-1);
    for (const other of others) kernel.kfree(other);
    expect(patternFault(bytes(), ptr, ptr + 32, 9)).toBe(-1);
    // The whole block is the user's: nothing that stands in it is believed.
    bytes().fill(0, ptr, ptr + 32);
    expect(kernel.ksize(ptr)).toBe(32);
    kernel.kfree(ptr);
    expect(log.messages()).toEqual([]);
  });

  it("a metadata structure is kept at the beginning of each bucket: it ends where the blocks start", () => {
    const pointers = Array.from({ length: 127 }, () => kernel.kmalloc(32, KMALLOC_DEFAULT));
    const lowest = Math.min(...pointers);
    expect(lowest - bucketOf(lowest)).toBe(32);
    expect(bucketWord(lowest, BucketWord.SHAPE)).toBe(127 | (5 << 16));
    kernel.kfree(pointers[0] as number);
    expect(bucketWord(lowest, BucketWord.SHAPE)).toBe(126 | (5 << 16));
  });

  it("The free blocks are retrieved using an intrusive linked list: through their own first words", () => {
    const pointers = Array.from({ length: 5 }, () => kernel.kmalloc(512, KMALLOC_DEFAULT));
    expect(freelist(pointers[0] as number)).toHaveLength(2);
    for (const index of [1, 4, 2]) kernel.kfree(pointers[index] as number);
    const list = freelist(pointers[0] as number);
    expect(list.slice(0, 3)).toEqual([pointers[2], pointers[4], pointers[1]]);
    expect(list).toHaveLength(5);
    expect([kernel.kmalloc(512, 0), kernel.kmalloc(512, 0)]).toEqual(list.slice(0, 2));
  });

  it("whose head is kept inside the bucket's metadata: the next block is the one that the metadata names", () => {
    const first = kernel.kmalloc(100, KMALLOC_DEFAULT);
    for (let count = 1; count < 31; count++) {
      const head = bucketWord(first, BucketWord.FREE_HEAD);
      expect(kernel.kmalloc(100, KMALLOC_DEFAULT)).toBe(head);
    }
    expect(bucketWord(first, BucketWord.FREE_HEAD)).toBe(0);
  });

  it("a bucket is released with its last block, of every size", () => {
    const before = freePages();
    for (const size of [8, 16, 32, 1024, 2048, 4096, 8192, 100_000]) {
      const pointers = Array.from({ length: 3 }, () => kernel.kmalloc(size, KMALLOC_DEFAULT));
      for (const ptr of pointers.slice(1)) kernel.kfree(ptr);
      expect(freePages()).toBeLessThan(before);
      kernel.kfree(pointers[0] as number);
      expect(freePages()).toBe(before);
    }
    expect(kernel.check().findings).toEqual([]);
  });
});

describe("function documentation", () => {
  it("An area allocated using this function MUST be freed manually: nothing else takes it back", () => {
    const ptr = kernel.kmalloc(100, KMALLOC_DEFAULT);
    fillPattern(bytes(), ptr, ptr + 100, 3);
    heap.trim();
    mykernel(heap, log);
    mykernel(Heap.attach(heap.source), log);
    expect([...kernel.blocks()]).toEqual([{ address: ptr, usableBytes: 128, flags: KMALLOC_DEFAULT }]);
    expect(patternFault(bytes(), ptr, ptr + 100, 3)).toBe(-1);
  });

  it.each([
    ["kmalloc", (flags: number) => kernel.kmalloc(8, flags)],
    ["kcalloc", (flags: number) => kernel.kcalloc(1, 8, flags)],
    ["krealloc", (flags: number) => kernel.krealloc(0, 8, flags)],
    ["krealloc_array", (flags: number) => kernel.krealloc_array(0, 1, 8, flags)],
  ])("Feature flags, must be a combination of kmalloc_flags: %s refuses every other value", (name, call) => {
    expect([0, 8].map((flags) => call(flags) > 0)).toEqual([true, true]);
    const before = bytes().slice();
    for (const flags of [1, 9, -8, 16, 0.5, Number.NaN, undefined as never]) {
      log.clear();
      expect(call(flags)).toBe(0);
      expect(log.messages()).toEqual([`${name}: not a combination of kmalloc_flags: ${flags}`]);
    }
    expect(bytes()).toEqual(before);
  });

  it("The number of members to allocate, the size of each members: kcalloc gives room for the product", () => {
    const ptr = kernel.kcalloc(100, 30, KMALLOC_DEFAULT);
    expect(kernel.ksize(ptr)).toBe(4096);
  });

  it("The starting address of the newly allocated area: aligned to its block's size, up to a page", () => {
    for (let size = 8; size <= 65_536; size *= 2) {
      for (const ptr of [kernel.kmalloc(size, 0), kernel.kcalloc(1, size, 8)]) {
        expect(ptr % Math.min(size, PAGE)).toBe(0);
        expect([...kernel.blocks()].map(({ address }) => address)).toContain(ptr);
      }
    }
  });

  it("DMA regions are by design always located inside the kernel's space: in its DMA zone if it has one", () => {
    const zoned = Heap.create({ sizeBytes: 2 * MIB, dmaBytes: 8 * PAGE });
    const { kmalloc_dma, kfree_dma } = mykernel(zoned, log);
    const [dma] = zoned.pages.stats();
    expect(dma?.pages).toBe(8);
    const buffers = Array.from({ length: 8 }, () => kmalloc_dma(PAGE));
    expect(zoned.pages.stats()[0]?.freePages).toBe(0);
    expect(buffers.every((buffer) => buffer > 0 && buffer < zoned.buffer.byteLength)).toBe(true);
    expect(kmalloc_dma(1)).toBe(0);
    kfree_dma(buffers[3] as number);
    expect(kmalloc_dma(1)).toBe(buffers[3]);
    const plain = kernel.kmalloc_dma(3 * PAGE);
    expect(plain + 3 * PAGE).toBeLessThanOrEqual(heap.buffer.byteLength);
  });

  it("A buffer whose physical pageframes are contiguous: NULL when only scattered frames are left", () => {
    const pages: number[] = [];
    for (let page = kernel.kmalloc_dma(1); page !== 0; page = kernel.kmalloc_dma(1)) pages.push(page);
    pages.sort((one, other) => one - other);
    // What the heap keeps in reserve may lie beside one of them.
    while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
    for (const [index, page] of pages.entries()) if (index % 2 === 0) kernel.kfree_dma(page);
    expect(freePages()).toBeGreaterThan(100);
    expect(kernel.kmalloc_dma(PAGE + 1)).toBe(0);
    kernel.kfree_dma(pages[101] as number);
    expect(kernel.kmalloc_dma(3 * PAGE)).toBe(pages[100]);
    expect(kernel.check().findings).toEqual([]);
  });

  it("The content of the old memory block is transfered into the first fitting bytes of the new area", () => {
    const sizes = [1, 8, 9, 60, 64, 1000, 4096, 5000, 40_000];
    for (const from of sizes) {
      for (const to of sizes) {
        for (const flags of [KMALLOC_DEFAULT, KMALLOC_KERNEL]) {
          const old = kernel.kmalloc(from, KMALLOC_DEFAULT);
          fillPattern(bytes(), old, old + from, from);
          const ptr = kernel.krealloc(old, to, flags);
          expect(patternFault(bytes(), ptr, ptr + Math.min(from, to), from)).toBe(-1);
          kernel.kfree(ptr);
        }
      }
    }
    expect(kernel.stats().liveBlocks).toBe(0);
  });

  it("and the old one is automatically free'd: its bucket is gone, and a second kfree is refused", () => {
    const old = kernel.kmalloc(40, KMALLOC_DEFAULT);
    const ptr = kernel.krealloc(old, 400, KMALLOC_DEFAULT);
    expect(ptr).not.toBe(old);
    expect(kernel.stats()).toMatchObject({ buckets: 1, liveBlocks: 1 });
    kernel.kfree(old);
    expect(log.messages()).toEqual([`kfree: no backing bucket for 0x${old.toString(16)}`]);
  });

  it("The new area returned by this function MUST be freed manually", () => {
    const ptr = kernel.krealloc(kernel.kmalloc(40, KMALLOC_DEFAULT), 400, KMALLOC_DEFAULT);
    heap.trim();
    expect(kernel.stats().liveBlocks).toBe(1);
    kernel.kfree(ptr);
    expect(kernel.stats()).toMatchObject({ buckets: 0, liveBlocks: 0 });
  });

  it("This function can also be called to reallocate a memory block using different feature flags", () => {
    const old = kernel.kmalloc(50, KMALLOC_DEFAULT);
    fillPattern(bytes(), old, old + 50, 4);
    const ptr = kernel.krealloc(old, 50, KMALLOC_KERNEL);
    expect([...kernel.blocks()]).toEqual([{ address: ptr, usableBytes: 64, flags: KMALLOC_KERNEL }]);
    expect(patternFault(bytes(), ptr, ptr + 50, 4)).toBe(-1);
    expect(bucketOf(kernel.kmalloc(64, KMALLOC_DEFAULT))).not.toBe(bucketOf(ptr));
    expect(bucketOf(kernel.kmalloc(64, KMALLOC_KERNEL))).toBe(bucketOf(ptr));
  });

  it("Starting address of the memory block: krealloc refuses what is not one", () => {
    const ptr = kernel.kmalloc(64, KMALLOC_DEFAULT);
    const before = bytes().slice();
    for (const bad of [ptr + 8, ptr + 0.5, 12, -1, Number.NaN, bucketOf(ptr)]) {
      log.clear();
      expect(kernel.krealloc(bad, 100, KMALLOC_DEFAULT)).toBe(0);
      const text = Number.isInteger(bad) && bad >= 0 ? `0x${bad.toString(16)}` : String(bad);
      expect(log.messages()).toEqual([`reallocating an invalid pointer: ${text}`]);
    }
    expect(bytes()).toEqual(before);
  });

  it("The starting address of the relocated area: the old one for as long as the block does", () => {
    const ptr = kernel.kmalloc(100, KMALLOC_DEFAULT);
    expect([128, 1, 65, 128].map((size) => kernel.krealloc(ptr, size, KMALLOC_DEFAULT))).toEqual([ptr, ptr, ptr, ptr]);
    expect(kernel.ksize(kernel.krealloc(ptr, 129, KMALLOC_DEFAULT))).toBe(256);
  });

  it("Change the size of the given memory block. See also kcalloc: to the product of two numbers", () => {
    const ptr = kernel.krealloc_array(0, 10, 20, KMALLOC_DEFAULT);
    expect(kernel.ksize(ptr)).toBe(256);
    fillPattern(bytes(), ptr, ptr + 200, 8);
    const moved = kernel.krealloc_array(ptr, 20, 20, KMALLOC_KERNEL);
    expect(kernel.ksize(moved)).toBe(512);
    expect(patternFault(bytes(), moved, moved + 200, 8)).toBe(-1);
    expect(kernel.krealloc_array(moved, 0, 20, KMALLOC_KERNEL)).toBe(0);
    expect(kernel.stats().liveBlocks).toBe(0);
  });
});
