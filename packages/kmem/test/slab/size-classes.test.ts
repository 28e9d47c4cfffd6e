import { describe, expect, it } from "vitest";
import { blockAt, Heap, heapStats, MAX_CLASS_BYTES } from "../../src/index.ts";
import { CLASS_COUNT, classBytes, GRANULE, PAGE_SIZE } from "../../src/layout.ts";
import { DEFAULT_SHAPES } from "../../src/memory/header.ts";
import { classBySize, slabShape } from "../../src/slab/size-classes.ts";

const classes = Array.from({ length: CLASS_COUNT }, (_, index) => classBytes(index));

describe("the size classes", () => {
  it("are 72, from 16 bytes to 32 KiB, each larger than the one before", () => {
    expect(CLASS_COUNT).toBe(72);
    expect(classes[0]).toBe(16);
    expect(classes.at(-1)).toBe(32_768);
    expect(MAX_CLASS_BYTES).toBe(32_768);
    for (let index = 1; index < CLASS_COUNT; index++)
      expect(classes[index]).toBeGreaterThan(classes[index - 1] as number);
  });

  it("are whole granules, every one of them up to 128 and eight to a doubling from there on", () => {
    for (const bytes of classes) expect(bytes % GRANULE).toBe(0);
    expect(classes.slice(0, 8)).toEqual([16, 32, 48, 64, 80, 96, 112, 128]);
    expect(classes.slice(8, 16)).toEqual([144, 160, 176, 192, 208, 224, 240, 256]);
    for (let index = 16; index < CLASS_COUNT; index++) expect(classes[index]).toBe((classes[index - 8] as number) * 2);
  });

  it("serve every size with the smallest class that holds it", () => {
    const bySize = classBySize();
    expect(bySize.length).toBe(MAX_CLASS_BYTES / GRANULE + 1);
    for (let size = 0; size <= MAX_CLASS_BYTES; size++) {
      const index = bySize[(size + GRANULE - 1) >>> 4] as number;
      const bytes = classes[index] as number;
      if (bytes < size || (index > 0 && size > 0 && (classes[index - 1] as number) >= size)) {
        throw new Error(`size ${size} is served by ${bytes} bytes`);
      }
    }
    expect(bySize[0]).toBe(0);
  });

  it("waste at most an eighth of a block above 128 bytes, and never more than 15 bytes below", () => {
    const bySize = classBySize();
    let worst = 0;
    for (let size = 1; size <= MAX_CLASS_BYTES; size++) {
      const bytes = classes[bySize[(size + GRANULE - 1) >>> 4] as number] as number;
      if (size <= 128) expect(bytes - size).toBeLessThan(GRANULE);
      else worst = Math.max(worst, (bytes - size) / bytes);
    }
    expect(worst).toBeLessThanOrEqual(0.125);
    expect(worst).toBeGreaterThan(0.09);
  });

  it("waste at most an eighth above the largest class too, where blocks are whole pages", () => {
    const heap = Heap.create({ sizeBytes: 1024 * 1024 });
    for (const size of [32_769, 36_000, 36_864, 36_865, 40_961, 50_000, 65_537, 100_000]) {
      const block = heap.alloc(size);
      const usable = heap.usableSize(block);
      expect(usable).toBe(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
      expect((usable - size) / usable).toBeLessThanOrEqual(0.125);
      heap.free(block);
    }
  });

  it("from 4 KiB on divide a slab of at most 16 pages with at most an eighth left over", () => {
    for (const bytes of classes.filter((size) => size >= PAGE_SIZE)) {
      const { slabPages, slabBlocks } = slabShape(bytes, DEFAULT_SHAPES);
      expect(slabPages).toBeLessThanOrEqual(16);
      expect((slabPages * PAGE_SIZE - slabBlocks * bytes) / (slabPages * PAGE_SIZE)).toBeLessThanOrEqual(0.125);
    }
  });

  it("from 4 KiB on can each divide a slab of at most 15 pages exactly, as the comment says", () => {
    for (const bytes of classes.filter((size) => size >= PAGE_SIZE)) {
      const fits = Array.from({ length: 15 }, (_, index) => (index + 1) * PAGE_SIZE).some((slab) => slab % bytes === 0);
      expect(fits, `${bytes}`).toBe(true);
    }
  });
});

describe("the shape of a slab", () => {
  it.each(Array.from({ length: MAX_CLASS_BYTES / GRANULE / 8 }, (_, index) => (index + 1) * 128 - 112))(
    "for blocks of %i bytes and its neighbours is sound",
    (first) => {
      for (let bytes = first; bytes < first + 128 && bytes <= MAX_CLASS_BYTES; bytes += GRANULE) {
        const { slabPages, slabBlocks, capacity } = slabShape(bytes, DEFAULT_SHAPES);
        const slabBytes = slabPages * PAGE_SIZE;
        expect(slabPages).toBeGreaterThanOrEqual(1);
        expect(slabPages).toBeLessThanOrEqual(16);
        expect(slabBlocks).toBe(Math.floor(slabBytes / bytes));
        expect(slabBlocks).toBeGreaterThanOrEqual(1);
        // The count of free blocks and the cursor each have half a word.
        expect(slabBytes / GRANULE).toBeLessThan(65_536);
        expect(capacity).toBeGreaterThanOrEqual(4);
        expect((slabBytes - slabBlocks * bytes) / slabBytes).toBeLessThanOrEqual(0.25);
      }
    },
  );

  it("is refused for blocks that fit in no slab", () => {
    expect(() => slabShape(131_088, DEFAULT_SHAPES)).toThrow("no slab for blocks of 131088 bytes");
  });

  it("is what a heap's stats show", () => {
    const heap = Heap.create({ sizeBytes: 8 * 1024 * 1024 });
    for (const bytes of classes) {
      const block = heap.alloc(bytes);
      const cache = heapStats(heap).caches.find(({ name }) => name === `kmalloc-${bytes}`);
      const { slabPages, slabBlocks } = slabShape(bytes, DEFAULT_SHAPES);
      expect(cache).toMatchObject({
        objectBytes: bytes,
        blockBytes: bytes,
        slabPages,
        slabBlocks,
        slabs: 1,
        liveBlocks: 1,
      });
      expect(blockAt(heap, block)).toMatchObject({ usableBytes: bytes, cache: `kmalloc-${bytes}` });
      heap.free(block);
      heap.trim();
    }
  });
});
