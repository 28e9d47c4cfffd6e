import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import {
  describeDump,
  dumpHeap,
  Heap,
  type HeapOptions,
  LocalHeap,
  loadDump,
  repairDump,
  repairHeap,
} from "../../src/index.ts";
import { Header } from "../../src/layout.ts";
import { writeDump } from "../../src/memory/dump.ts";
import { expectClean, expectRefusal, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

const KIB = 1024;
/** Caches that every heap has: the size classes. */
const CLASSES = 72;

/** The share of a heap that blocks of 64 bytes get until there is no more. */
function shareOfBlocks(heap: Heap | LocalHeap, sizeBytes: number): number {
  let blocks = 0;
  while (heap.tryAlloc(64) !== 0) blocks++;
  return (blocks * 64) / sizeBytes;
}

function infoOf(options: HeapOptions): { readonly slotCount: number; readonly namedCacheCount: number } {
  const heap = Heap.create(options);
  expectClean(heap);
  return describeDump(dumpHeap(heap));
}

describe("a small heap", () => {
  it.each([
    [32, 0.25],
    [64, 0.6],
    [128, 0.75],
    [256, 0.85],
  ])("of %i KiB has %d of it for blocks of 64 bytes", (kibibytes, share) => {
    const sizeBytes = kibibytes * KIB;
    expect(shareOfBlocks(Heap.create({ sizeBytes }), sizeBytes)).toBeGreaterThanOrEqual(share);
    expect(shareOfBlocks(LocalHeap.create({ sizeBytes }), sizeBytes)).toBeGreaterThanOrEqual(share);
  });

  it("has 8 slots, short sheaves, and named caches in what its tables leave of their last page", () => {
    expect(infoOf({ sizeBytes: 64 * KIB })).toMatchObject({ slotCount: 8, namedCacheCount: 9, sheafBlocks: 16 });
    expect(infoOf({ sizeBytes: 128 * KIB })).toMatchObject({ slotCount: 8, namedCacheCount: 7, sheafBlocks: 16 });
    expect(infoOf({ sizeBytes: 256 * KIB })).toMatchObject({ slotCount: 8, namedCacheCount: 3, sheafBlocks: 16 });
    const above = { slotCount: 64, namedCacheCount: 168, sheafBlocks: 0 };
    expect(infoOf({ sizeBytes: 256 * KIB + PAGE })).toMatchObject(above);
  });

  it("is small by what it may grow to, and by its own part of a memory", () => {
    expect(infoOf({ sizeBytes: 64 * KIB, maximumBytes: MIB })).toMatchObject({ slotCount: 64 });
    const memory = new SharedArrayBuffer(MIB);
    expect(infoOf({ memory, start: 512 * KIB, end: 640 * KIB })).toMatchObject({ slotCount: 8 });
  });

  it("holds as many threads as it has slots", () => {
    const heap = Heap.create({ sizeBytes: 256 * KIB });
    const others = Array.from({ length: 7 }, () => Heap.attach(heap.reserve()));
    const blocks = others.map((other, index) => other.alloc(16 * (index + 1)));
    expect(thrownBy(() => heap.reserve()).code).toBe("NO_SLOT");
    for (const [index, other] of others.entries()) other.free(Number(blocks[(index + 1) % blocks.length]));
    for (const other of others) other.detach();
    expectClean(heap);
  });
});

describe("namedCacheCount", () => {
  it.each([0, 1, 20, 168])("is how many caches there can be: %i", (namedCacheCount) => {
    const heap = Heap.create({ sizeBytes: 4 * MIB, namedCacheCount });
    const caches = Array.from({ length: namedCacheCount }, (_, index) =>
      heap.createCache({ name: `cache-${index}`, sizeBytes: 24 }),
    );
    const text = `there is no room for more than ${namedCacheCount} caches`;
    expectRefusal(heap, () => heap.createCache({ name: "more", sizeBytes: 24 }), "TOO_MANY_CACHES", text);
    for (const cache of caches) cache.free(cache.alloc());
    expectClean(heap);
    const other = Heap.attach(heap.buffer);
    expect(layersOf(other).caches.count).toBe(CLASSES + namedCacheCount);
    other.detach();
    const loaded = loadDump(dumpHeap(heap));
    expect(describeDump(dumpHeap(loaded)).namedCacheCount).toBe(namedCacheCount);
    for (const { name } of caches) expect(loaded.openCache(name).name).toBe(name);
  });

  it.each([-1, 169, 1.5, null, "8"])("is refused as %o", (namedCacheCount) => {
    const options = { sizeBytes: MIB, namedCacheCount } as HeapOptions;
    expect(thrownBy(() => Heap.create(options))).toMatchObject({ code: "BAD_ARGUMENT", details: { namedCacheCount } });
  });

  it("comes back when the header is repaired, and is refused where it cannot be", () => {
    const heap = Heap.create({ sizeBytes: MIB, namedCacheCount: 20 });
    const live = heap.alloc(100);
    const words = new Int32Array(heap.buffer);
    words[Header.CACHE_COUNT] = (words[Header.CACHE_COUNT] ?? 0) + 1;
    const damaged = writeDump(new Uint8Array(heap.buffer), 0);
    expect(thrownBy(() => loadDump(damaged)).code).toBe("BAD_GEOMETRY");
    repairHeap(heap);
    expectClean(heap);
    expect(words[Header.CACHE_COUNT]).toBe(CLASSES + 20);
    heap.free(live);
    const { isRepaired, dump = new Uint8Array() } = repairDump(damaged);
    expect(isRepaired).toBe(true);
    expect(describeDump(dump)).toMatchObject({ namedCacheCount: 20, findings: [] });
  });

  it("a kind beyond the records is no cache, and a page that claims to be of one is found", () => {
    const heap = Heap.create({ sizeBytes: MIB, namedCacheCount: 2 });
    const { caches, geometry, pages } = layersOf(heap);
    expect(caches.isUsed(caches.endKind)).toBe(false);
    expect(caches.get(caches.endKind, 0)).toBe(0);
    const page = heap.pages.alloc(1);
    new Uint8Array(heap.buffer)[geometry.kindTable + page / PAGE - geometry.baseFrame] = caches.endKind + 5;
    expect(describeDump(writeDump(new Uint8Array(heap.buffer), 0)).findings).not.toEqual([]);
    repairHeap(heap);
    expectClean(heap);
    expect(pages.usedFrames).toBeGreaterThan(0);
  });
});
