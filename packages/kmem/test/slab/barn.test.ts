import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap } from "../../src/index.ts";
import { AreaWord, Tag } from "../../src/layout.ts";
import { tagIndex } from "../../src/slab/tags.ts";
import { MIB } from "../support/memories.ts";

describe("a barn", () => {
  it("gives blocks of the slabs where each of its own is the second entry of a block that was freed twice", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const other = Heap.attach(heap.reserve());
    const { barns, caches, sheaves, memory, geometry } = layersOf(heap);
    for (const block of Array.from({ length: 600 }, () => heap.alloc(64))) heap.free(block);
    const kind = Number(caches.find("kmalloc-64"));
    const entries = barns.entries(kind);
    expect(entries.length).toBeGreaterThan(0);
    // Meanwhile the other slot has them all.
    for (const entry of entries) memory.bytes[tagIndex(geometry, entry)] = other.slot + 1;
    const scratch = sheaves.areaWord + AreaWord.SCRATCH;
    const cachedTag = Tag.FIRST_CACHED + heap.slot;
    expect(barns.take(kind, caches.record(kind), scratch, 1, cachedTag, {})).toBe(1);
    const address = (memory.words[scratch] ?? 0) >>> 0;
    expect(entries).not.toContain(address);
    expect(memory.bytes[tagIndex(geometry, address)]).toBe(cachedTag);
  });
});
