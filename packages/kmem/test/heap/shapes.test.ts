import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { layersOf } from "../../src/heap/access.ts";
import {
  checkHeap,
  describeDump,
  dumpHeap,
  Heap,
  type HeapOptions,
  heapStats,
  LocalHeap,
  loadDump,
  repairDump,
  repairHeap,
} from "../../src/index.ts";
import { CacheRecord, FrameKind, Header } from "../../src/layout.ts";
import { writeDump } from "../../src/memory/dump.ts";
import { checksumOfHeader, shapeFlags } from "../../src/memory/header.ts";
import { heapAdapter, heapAllocator, heapOptions, localHeapAdapter } from "../conformance/adapters/heap.ts";
import type { Adapter } from "../conformance/allocator.ts";
import { MEMORIES } from "../conformance/memories.ts";
import { describeConformance } from "../conformance/register.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

const SMALLEST = { sheafBlocks: 2, slabBytes: 4096 } as const;
const LARGEST = { sheafBlocks: 1024, slabBytes: 65_536 } as const;
/** Large sheaves need no page more than small ones where both are bounded. */
const SHAPES: readonly (Pick<HeapOptions, "sheafBlocks" | "slabBytes"> & { readonly title: string })[] = [
  { title: "the smallest sheaves and slabs", ...SMALLEST },
  { title: "the largest sheaves and slabs", ...LARGEST },
  { title: "sheaves of 7 blocks", sheafBlocks: 7 },
  { title: "slabs of 3 pages", slabBytes: 3 * 4096 },
];

function shaped(base: Adapter, make: (options: HeapOptions) => unknown, shapes: HeapOptions, title: string): Adapter {
  return {
    ...base,
    name: `${base.name} with ${title}`,
    create: (memory) => heapAllocator(make({ ...heapOptions(memory), ...shapes }) as Heap, memory.maximumBytes),
  };
}

const [shared, , unshared] = MEMORIES;
if (shared === undefined || unshared === undefined) throw new Error("there are no memories to try");
for (const { title, ...shapes } of SHAPES.slice(0, 1)) {
  describeConformance(
    shaped(heapAdapter, (options) => Heap.create(options), shapes, title),
    [shared],
  );
}
describeConformance(
  shaped(localHeapAdapter, (options) => LocalHeap.create(options), LARGEST, "the largest sheaves and slabs"),
  [unshared],
);

/** Blocks of many sizes, part of them freed by a second slot, and a named cache. */
function busyHeap(options: HeapOptions): { readonly heap: Heap; readonly second: Heap; readonly live: number[] } {
  const heap = Heap.create({ sizeBytes: 16 * MIB, slotCount: 4, ...options });
  const second = Heap.attach(heap.buffer);
  const cache = heap.createCache({ name: "items", sizeBytes: 200 });
  const blocks = Array.from({ length: 1500 }, (_, index) => heap.alloc(1 + ((index * 37) % 2500)));
  const objects = Array.from({ length: 200 }, () => cache.alloc());
  for (const [index, block] of blocks.entries()) if (index % 3 === 1) (index % 2 === 0 ? heap : second).free(block);
  for (const object of objects.slice(100)) cache.free(object);
  return { heap, second, live: [...blocks.filter((_, index) => index % 3 !== 1), ...objects.slice(0, 100)] };
}

describe.each(SHAPES)("a heap with $title", ({ title: _title, ...shapes }) => {
  it("is sound, and another thread finds the same shapes in it", () => {
    const { heap, second, live } = busyHeap(shapes);
    expect(checkHeap(heap).findings).toEqual([]);
    expect(heapStats(second).caches).toEqual(heapStats(heap).caches);
    for (const block of live) second.free(block);
    second.detach();
    heap.trim();
    expect(checkHeap(heap).findings).toEqual([]);
    expect(heapStats(heap).liveBlocks).toBe(0);
  });

  it("is dumped, described, loaded and used on", () => {
    const { heap, live } = busyHeap(shapes);
    const dump = dumpHeap(heap);
    const { sheafBlocks = 0, slabBytes = 0 } = shapes;
    expect(describeDump(dump)).toMatchObject({ sheafBlocks, slabBytes, findings: [] });
    const loaded = loadDump(dump);
    for (const block of live) loaded.free(block);
    for (let index = 0; index < 500; index++) loaded.alloc(1 + ((index * 53) % 4000));
    expect(checkHeap(loaded).findings).toEqual([]);
  });

  it("is repaired to the same shapes, also where flags and records of caches are gone", () => {
    const { heap, live } = busyHeap(shapes);
    const words = new Int32Array(heap.buffer);
    const { caches } = layersOf(heap);
    const [record, named] = [caches.record(FrameKind.FIRST_CACHE + 5), caches.record(Number(caches.find("items")))];
    words[Header.FLAGS] = -1;
    words.fill(0x5555, record, record + CacheRecord.FLAGS);
    words[named + CacheRecord.SLAB_PAGES] = 77;
    const damaged = writeDump(new Uint8Array(heap.buffer), 0);
    repairHeap(heap);
    expectClean(heap);
    for (const block of live) heap.free(block);

    const { isRepaired, dump = new Uint8Array() } = repairDump(damaged);
    expect(isRepaired).toBe(true);
    const { sheafBlocks = 0, slabBytes = 0 } = shapes;
    expect(describeDump(dump)).toMatchObject({ sheafBlocks, slabBytes, findings: [] });
  });
});

describe("the shapes of sheaves and slabs", () => {
  it("are the heap's own choice unless they are given, at no other cost", () => {
    const own = Heap.create({ sizeBytes: MIB });
    expect(new Int32Array(own.buffer)[Header.FLAGS]).toBe(0);
    expect(describeDump(dumpHeap(own))).toMatchObject({ sheafBlocks: 0, slabBytes: 0 });
  });

  it("are bounds of sheaves, and lengths of slabs as far as blocks allow", () => {
    const heap = Heap.create({ sizeBytes: 16 * MIB, sheafBlocks: 3, slabBytes: 8192 });
    const { caches, sheaves } = layersOf(heap);
    for (const kind of caches.kinds()) {
      const pages = Math.max(2, Math.ceil(caches.blockBytes(kind) / PAGE));
      expect(caches.slabPages(kind)).toBe(pages);
      expect(caches.slabBlocks(kind)).toBe(Math.floor((pages * PAGE) / caches.blockBytes(kind)));
      expect(sheaves.capacity(kind)).toBe(3);
    }
    const vast = heap.createCache({ name: "vast", sizeBytes: 131_072 });
    vast.free(vast.alloc());
    expect(heapStats(heap).caches.find(({ name }) => name === "vast")).toMatchObject({ slabPages: 32, slabBlocks: 1 });
  });

  it("are a debugged heap's too", () => {
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB, ...SMALLEST });
    const blocks = Array.from({ length: 300 }, (_, index) => heap.alloc(index + 1));
    for (const block of blocks) heap.free(block);
    expectClean(heap);
  });

  it.each([
    { sheafBlocks: 1 },
    { sheafBlocks: 1025 },
    { sheafBlocks: 2.5 },
    { sheafBlocks: null },
    { slabBytes: 0 },
    { slabBytes: 6000 },
    { slabBytes: 69_632 },
    { slabBytes: "4096" },
  ])("are refused where there are none such: %o", (options) => {
    const memory = new SharedArrayBuffer(MIB);
    const error = thrownBy(() => Heap.create({ memory, ...(options as HeapOptions) }));
    expect(error).toMatchObject({ code: "BAD_ARGUMENT", details: options });
    expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
  });

  it.each([1, 1025, 2047])("of a header that says %i blocks, with a good checksum, are not believed", (sheafBlocks) => {
    const heap = Heap.create({ sizeBytes: MIB });
    const words = new Int32Array(heap.buffer);
    words[Header.FLAGS] = shapeFlags({ sheafBlocks, slabPages: 0 });
    words[Header.CHECKSUM] = checksumOfHeader(words, 0);
    const dump = writeDump(new Uint8Array(heap.buffer), 0);
    expect(thrownBy(() => loadDump(dump))).toMatchObject({ code: "BAD_GEOMETRY", details: { sheafBlocks } });
  });

  it("tell how much memory is the least", () => {
    const leastOf = (options: HeapOptions): number =>
      Number(thrownBy(() => Heap.create({ slotCount: 1, sizeBytes: 8192, ...options })).details["leastBytes"]);
    for (const options of [SMALLEST, LARGEST, {}]) {
      const sizeBytes = leastOf(options);
      expect(Heap.create({ slotCount: 1, sizeBytes, ...options }).buffer.byteLength).toBe(sizeBytes);
    }
    expect(leastOf({})).toBeLessThan(leastOf(LARGEST));
  });
});
