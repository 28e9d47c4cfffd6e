import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { blockAt, Heap, heapStats } from "../../src/index.ts";
import {
  BATCH_SLABS_MAX,
  CacheRecord,
  CLASS_COUNT,
  classBytes,
  EMPTY_SLABS_KEPT,
  EMPTY_SLABS_SHARE_SHIFT,
  FrameKind,
  PAGE_SIZE,
  SLAB_FREE_MASK,
  Tag,
} from "../../src/layout.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";
import { Random } from "../support/random.ts";

let heap: Heap;
let peek: Peek;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 8 * MIB });
  peek = new Peek(heap);
});

const kindOf = (sizeBytes: number): number => peek.kindAt(heap.alloc(sizeBytes));
const statsOf = (name: string) => heapStats(heap).caches.find((cache) => cache.name === name);

describe("tags", () => {
  it("go NONE, IN_SLAB, in the sheaf, live, in the sheaf, NONE, as the layout says", () => {
    const block = heap.alloc(2000);
    expect(peek.tag(block)).toBe(1);
    const slab = peek.frame(Math.floor(block / PAGE_SIZE), 3) * PAGE_SIZE;
    const { slabBlocks = 0, sheafBlocks = 0, freeBlocks = 0 } = statsOf("kmalloc-2048") ?? {};
    const tags = Array.from({ length: slabBlocks }, (_, index) => peek.tag(slab + index * 2048));
    expect(tags.filter((tag) => tag === 1).length).toBe(1);
    expect(tags.filter((tag) => tag === Tag.FIRST_CACHED).length).toBe(sheafBlocks);
    expect(tags.filter((tag) => tag === Tag.IN_SLAB).length).toBe(freeBlocks);
    heap.free(block);
    expect(peek.tag(block)).toBe(Tag.FIRST_CACHED);
    expect(peek.sheaf(peek.kindAt(block))[0]).toBe(block);
    heap.trim();
    expect(peek.tag(block)).toBe(Tag.NONE);
    expect(peek.kindAt(block)).toBeLessThan(FrameKind.FIRST_RUN);
  });

  it("mark the start of a live run and nothing else of it", () => {
    const run = heap.alloc(100_000);
    expect(peek.tag(run)).toBe(1);
    for (let address = run + 16; address < run + 102_400; address += 16) expect(peek.tag(address)).toBe(Tag.NONE);
    heap.free(run);
    expect(peek.tag(run)).toBe(Tag.NONE);
  });

  it("stand at the start of each block of a slab alone", () => {
    for (const size of [16, 48, 1000, 5000]) {
      const blocks = new Set(Array.from({ length: 50 }, () => heap.alloc(size)));
      const first = Math.min(...blocks);
      const usable = heap.usableSize(first);
      const last = Math.max(...blocks) + usable;
      for (let address = first; address < last; address += 16) {
        if (peek.tag(address) === 1) expect(blockAt(heap, address)?.address).toBe(address);
      }
    }
  });
});

describe("a sheaf", () => {
  it("gives back the block freed last", () => {
    const blocks = Array.from({ length: 10 }, () => heap.alloc(100));
    for (const block of blocks) heap.free(block);
    for (const block of blocks.reverse()) expect(heap.alloc(100)).toBe(block);
  });

  it.each([16, 100, 512, 4096, 32_768])("of blocks of %i bytes is filled by half and never beyond its room", (size) => {
    const kind = kindOf(size);
    const capacity = layersOf(heap).sheaves.capacity(kind);
    const sheafNow = (): number => peek.sheaf(kind).length;
    expect(sheafNow()).toBeLessThanOrEqual(capacity >> 1);
    const blocks = Array.from({ length: capacity * 3 }, () => heap.tryAlloc(size)).filter((block) => block !== 0);
    let flushCount = 0;
    let before = sheafNow();
    for (const block of blocks) {
      heap.free(block);
      const after = sheafNow();
      expect(after).toBeLessThanOrEqual(capacity);
      if (after !== before + 1) {
        flushCount++;
        expect(before).toBe(capacity);
        expect(after).toBe(capacity - ((capacity + 1) >> 1) + 1);
      }
      before = after;
    }
    expect(flushCount).toBeGreaterThan(1);
    expectClean(heap);
  });

  it("holds no block twice, and only free blocks of its cache", () => {
    const random = new Random(5);
    const blocks = Array.from({ length: 600 }, () => heap.alloc(200));
    for (const block of random.shuffled(blocks).slice(0, 300)) heap.free(block);
    const kind = peek.kindAt(blocks[0] as number);
    const entries = peek.sheaf(kind);
    expect(new Set(entries).size).toBe(entries.length);
    for (const entry of entries) {
      expect(peek.tag(entry)).toBe(Tag.FIRST_CACHED);
      expect(peek.kindAt(entry)).toBe(kind);
    }
  });
});

describe("slabs", () => {
  it("that are empty are released but for a share that a cache keeps", () => {
    const blocks = Array.from({ length: 2000 }, () => heap.alloc(512));
    const kind = peek.kindAt(blocks[0] as number);
    const slabsBefore = peek.cache(kind, CacheRecord.SLABS);
    expect(slabsBefore).toBeGreaterThan(100);
    for (const block of blocks) {
      heap.free(block);
      const empty = peek.cache(kind, CacheRecord.EMPTY_SLABS);
      const kept = EMPTY_SLABS_KEPT + (slabsBefore >> EMPTY_SLABS_SHARE_SHIFT);
      expect(empty).toBeLessThan(kept + BATCH_SLABS_MAX);
    }
    expect(peek.cache(kind, CacheRecord.SLABS)).toBeLessThan(slabsBefore / 2);
    expectClean(heap);
    heap.trim();
    expect(peek.cache(kind, CacheRecord.SLABS)).toBe(0);
    expect(peek.cache(kind, CacheRecord.PARTIAL_HEAD)).toBe(0);
    expect(peek.cache(kind, CacheRecord.PARTIAL_TAIL)).toBe(0);
    expectClean(heap);
  });

  it("are not made and released by a block that goes back and forth", () => {
    const block = heap.alloc(30_000);
    heap.free(heap.alloc(30_000));
    const { freePageBytes } = heapStats(heap).bytes;
    for (let turn = 0; turn < 50; turn++) {
      heap.free(heap.alloc(30_000));
      expect(heapStats(heap).bytes.freePageBytes).toBe(freePageBytes);
    }
    heap.free(block);
  });

  it("count their free blocks and never pass one over", () => {
    const random = new Random(8);
    let live = Array.from({ length: 1000 }, () => heap.alloc(300));
    for (let turn = 0; turn < 10; turn++) {
      const order = random.shuffled(live);
      for (const block of order.slice(0, 500)) heap.free(block);
      expectClean(heap);
      const { freePageBytes } = heapStats(heap).bytes;
      const again = Array.from({ length: 400 }, () => heap.alloc(300));
      // Blocks that were freed serve again before a new slab is made.
      expect(heapStats(heap).bytes.freePageBytes).toBe(freePageBytes);
      live = [...order.slice(500), ...again, ...Array.from({ length: 100 }, () => heap.alloc(300))];
    }
    expect(new Set(live).size).toBe(1000);
  });

  it("each belong to one cache, and say so in every frame's record", () => {
    const block = heap.alloc(20_000);
    const kind = peek.kindAt(block);
    const head = peek.frame(Math.floor(block / PAGE_SIZE), 3);
    const pages = peek.cache(kind, CacheRecord.SLAB_PAGES);
    for (let frame = head; frame < head + pages; frame++) {
      expect(peek.kind(frame)).toBe(kind);
      expect(peek.frame(frame, 3)).toBe(head);
    }
    expect(peek.frame(head, 2) & SLAB_FREE_MASK).toBe(statsOf("kmalloc-20480")?.freeBlocks);
  });
});

describe("every size class", () => {
  it("takes from its own cache and gives back to it", () => {
    for (let index = 0; index < CLASS_COUNT; index++) {
      const bytes = classBytes(index);
      const block = heap.alloc(bytes);
      expect(peek.kindAt(block)).toBe(FrameKind.FIRST_CACHE + index);
      heap.free(block);
      expect(peek.sheaf(FrameKind.FIRST_CACHE + index)[0]).toBe(block);
    }
    expectClean(heap);
    // What the first classes kept, the reaper has taken back meanwhile.
    expect(heap.trim()).toBeGreaterThan(10);
    expect(heapStats(heap).caches).toEqual([]);
  });

  it("is counted by stats: live, in the sheaf, in slabs", () => {
    for (const size of [16, 200, 3000, 32_768]) {
      const blocks = Array.from({ length: 20 }, () => heap.alloc(size));
      for (const block of blocks.slice(0, 7)) heap.free(block);
      const cache = statsOf(`kmalloc-${heap.usableSize(blocks[10] as number)}`);
      expect(cache?.liveBlocks).toBe(13);
      const total = (cache?.slabs ?? 0) * (cache?.slabBlocks ?? 0);
      expect((cache?.liveBlocks ?? 0) + (cache?.sheafBlocks ?? 0) + (cache?.freeBlocks ?? 0)).toBe(total);
    }
  });
});
