import { beforeEach, describe, expect, it } from "vitest";
import { GFP_KERNEL } from "../../src/gfp/flags.ts";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats, reapSlot } from "../../src/index.ts";
import { linux } from "../../src/kernels/linux/linux.ts";
import { createTraceRing, findTraceRing, type TraceRing } from "../../src/trace/index.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

let heap: Heap;
let other: Heap;
const print = (): void => {};

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
  other = Heap.attach(heap.reserve());
});

/** What a thread makes beside blocks and pages, and leaves behind. */
function leaveThings() {
  const kernel = linux(other, { print });
  const own = linux(heap, { print });
  const before = heapStats(heap).bytes.freePageBytes;
  const area = kernel.vmalloc(10_000);
  const mapped = kernel.vmap([own.virt_to_page(own.__get_free_pages(GFP_KERNEL, 0))]);
  const kept = own.vmalloc(5000);
  const pool = kernel.mempool_create_kmalloc_pool(3, 100);
  const ring = createTraceRing(other, 100) as TraceRing;
  layersOf(other).slots.markDead(other.slot, layersOf(other).slots.generation(other.slot));
  return { own, area, mapped, kept, pool, ring, before };
}

describe("what a dead thread had made", () => {
  it("is listed, and stays with its slot", () => {
    const { own, area, mapped, kept, pool, ring } = leaveThings();
    const report = reapSlot(heap, 1);
    expect(report).toMatchObject({
      isFreed: false,
      areas: [
        { address: area, askedBytes: 10_000, kind: "vmalloc", slot: 1 },
        { address: mapped, kind: "vmap", slot: 1 },
      ],
      mempools: [{ address: pool, elementCount: 3 }],
      traceRings: [{ address: ring.address }],
    });
    ring.kmalloc(1, 2, 3, 4);
    own.vfree(area);
    own.vunmap(mapped);
    own.vfree(kept);
    ring.end();
    expectClean(heap);
  });

  it("goes with what is freed", () => {
    const { own, area, mapped, kept, pool, ring } = leaveThings();
    expect(reapSlot(heap, 1, { blocks: "free" })).toMatchObject({ isFreed: true, areas: [{}, {}], traceRings: [{}] });
    expect(own.vmalloc_to_page(area)).toBe(0);
    expect(own.vmalloc_to_page(mapped)).toBe(0);
    expect(own.vmalloc_to_page(kept)).not.toBe(0);
    own.vfree(kept);
    expect(findTraceRing(heap)).toBeUndefined();
    // A thread that has it open still writes nothing any more.
    const bytes = new Uint8Array(heap.buffer).slice();
    ring.kmalloc(1, 2, 3, 4);
    expect(Buffer.compare(bytes, new Uint8Array(heap.buffer))).toBe(0);
    expect(own.mempool_alloc(pool, GFP_KERNEL)).toBe(0);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
  });

  it("is given on with what is given", () => {
    const { area, mapped, kept } = leaveThings();
    reapSlot(heap, 1, { blocks: "give" });
    const next = Heap.attach(heap.reserve());
    reapSlot(next, 0, { blocks: "free" });
    expect(linux(next, { print }).vmalloc_to_page(area)).toBe(0);
    expect([mapped, kept].map((address) => linux(next, { print }).vmalloc_to_page(address))).toEqual([0, 0]);
    expect(findTraceRing(next)).toBeUndefined();

    expectClean(next);
  });

  it("is no mempool because a block looks like one at its first words", () => {
    const block = other.alloc(64);
    other.u32(block).set([0x4c4f4f50, 1000, 5, 2]);
    expect(reapSlot(heap, 1).mempools).toEqual([]);
  });
});
