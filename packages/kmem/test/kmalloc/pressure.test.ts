import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats } from "../../src/index.ts";
import { Zone, ZoneRecord } from "../../src/layout.ts";
import { MIB, PAGE } from "../support/memories.ts";

describe("memory pressure", () => {
  it("begins where a run that is made longer takes the pages above the low watermark", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    Heap.attach(heap.reserve());
    const { pages, sync } = layersOf(heap);
    const zone = pages.zones[Zone.NORMAL];
    if (zone === undefined) throw new Error("there is no normal zone");
    const low = zone.get(ZoneRecord.LOW);
    heap.pages.alloc(zone.freeFrames - low - 15);
    const block = heap.alloc(10 * PAGE);
    expect(zone.freeFrames).toBe(low + 5);
    expect(sync.waiters.isUnderPressure).toBe(false);
    expect(heap.realloc(block, 15 * PAGE)).toBe(block);
    expect(zone.freeFrames).toBe(low);
    expect(sync.waiters.isUnderPressure).toBe(true);
    heap.free(block);
    expect(sync.waiters.isUnderPressure).toBe(false);
  });
});

describe("trim", () => {
  it("counts each page once, also those that come by way of the slot's pcp lists", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    Heap.attach(heap.reserve());
    heap.trim();
    const freeBytes = (): number => heapStats(heap).bytes.freePageBytes;
    const before = freeBytes();
    for (const block of Array.from({ length: 2000 }, (_, index) => heap.alloc(16 + (index % 100)))) heap.free(block);
    heap.pages.free(heap.pages.alloc(1), 1);
    const held = freeBytes();
    expect(heapStats(heap).bytes.pcpBytes).toBeGreaterThan(0);
    const pages = heap.trim();
    expect(pages * PAGE).toBe(freeBytes() - held);
    expect(freeBytes()).toBe(before);
  });
});
