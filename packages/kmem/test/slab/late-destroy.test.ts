import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap } from "../../src/index.ts";
import { CacheRecord } from "../../src/layout.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const NAME = "objects";
const SIZE = 512;

/** Two slots of one heap, and the pages in use while it had one. */
function twoSlots(): { readonly heap: Heap; readonly other: Heap; readonly before: number } {
  const heap = Heap.create({ sizeBytes: 4 * MIB });
  const before = layersOf(heap).pages.usedFrames;
  return { heap, other: Heap.attach(heap.reserve()), before };
}

describe("a cache that another thread destroys", () => {
  it("just when its last slab is removed has its destructors run, and its pages are free again", () => {
    const { heap, other, before } = twoSlots();
    const { pages, caches, sync } = layersOf(heap);
    let destructed = 0;
    const cache = heap.createCache({ name: NAME, sizeBytes: SIZE, destruct: () => destructed++ });
    const theirs = other.openCache(NAME, { destruct: () => undefined });
    const kind = Number(caches.find(NAME));
    cache.free(cache.alloc());
    const blocks = caches.get(kind, CacheRecord.SLABS) * caches.get(kind, CacheRecord.SLAB_BLOCKS);
    const lock = caches.record(kind) + CacheRecord.LOCK;
    const release = sync.locks.release.bind(sync.locks);
    sync.locks.release = (word) => {
      release(word);
      if (word !== lock || !caches.isUsed(kind) || caches.get(kind, CacheRecord.SLABS) > 0) return;
      sync.locks.release = release;
      theirs.destroy();
    };
    heap.trim();
    expect(caches.isUsed(kind)).toBe(false);
    expect(destructed).toBe(blocks);
    other.detach();
    heap.trim();
    expect(pages.usedFrames).toBe(before);
    expectClean(heap);
  });

  it("and makes again under its name while its constructor runs gets no slab of the one before", () => {
    const { heap, other, before } = twoSlots();
    const { pages, caches } = layersOf(heap);
    let isFirst = true;
    const construct = (): void => {
      if (!isFirst) return;
      isFirst = false;
      other.openCache(NAME, { construct: () => undefined }).destroy();
      other.createCache({ name: NAME, sizeBytes: SIZE, construct: () => undefined });
    };
    const cache = heap.createCache({ name: NAME, sizeBytes: SIZE, construct });
    const kind = Number(caches.find(NAME));
    expect(thrownBy(() => cache.alloc())).toMatchObject({ code: "BAD_ARGUMENT" });
    expect(caches.find(NAME)).toBe(kind);
    expect(caches.get(kind, CacheRecord.SLABS)).toBe(0);
    other.detach();
    heap.trim();
    expect(pages.usedFrames).toBe(before);
    expectClean(heap);
  });
});
