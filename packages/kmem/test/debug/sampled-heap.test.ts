import { beforeEach, describe, expect, it } from "vitest";
import { type BugReport, DebugHeap, openHeap, SampledHeap } from "../../src/debug/index.ts";
import {
  blockAt,
  blocksOf,
  checkHeap,
  dumpHeap,
  Heap,
  heapStats,
  ownerOf,
  reapSlot,
  slotStats,
  transferBlock,
} from "../../src/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

let heap: SampledHeap;
let bugs: BugReport[];

function report(bug: BugReport): void {
  bugs.push(bug);
}

/** Every allocation is sampled, as long as there are places. */
function sampleAll(guardedCount = 64): SampledHeap {
  return SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, guardedCount, report });
}

beforeEach(() => {
  bugs = [];
  heap = sampleAll();
});

function byte(address: number, value: number): void {
  new Uint8Array(heap.buffer)[address] = value;
}

describe("a guarded object", () => {
  it("is what was asked for, wherever the heap is asked about it", () => {
    for (const sizeBytes of [1, 15, 16, 17, 100, 1000, 3000, 4096]) {
      const address = heap.alloc(sizeBytes);
      expect(address % 16).toBe(0);
      expect(heap.usableSize(address)).toBe(sizeBytes);
      expect(heap.u8(address).length).toBe(sizeBytes);
      expect(ownerOf(heap, address)).toBe(heap.slot);
      expect(blockAt(heap, address + sizeBytes - 1)).toMatchObject({ address, usableBytes: sizeBytes, live: true });
      expect([...blocksOf(heap)].map((block) => block.address)).toContain(address);
      expect(thrownBy(() => heap.u8(address, sizeBytes + 1)).code).toBe("INVALID_ADDRESS");
      heap.free(address);
      expect(blockAt(heap, address)).toMatchObject({ live: false });
    }
    expectClean(heap);
    expect(bugs).toEqual([]);
  });

  it.each([1, 24, 100, 1000, 4000])("of %i bytes shows a write past either end when it is freed", (sizeBytes) => {
    for (const offset of [-1, sizeBytes]) {
      // Once to the left and once to the right in its place.
      for (let turn = 0; turn < 2; turn++) {
        const address = heap.alloc(sizeBytes);
        byte(address + offset, 0);
        expect(checkHeap(heap).findings).toMatchObject([{ layer: "debug", address: address + offset }]);
        heap.free(address);
        expect(bugs.splice(0).map(({ bytes }) => bytes?.from)).toEqual([address + offset]);
      }
    }
    expectClean(heap);
  });

  it("shows a write after its free, at the check and when its place is given up", () => {
    const address = heap.alloc(40);
    heap.free(address);
    byte(address + 7, 1);
    expect(checkHeap(heap).findings).toMatchObject([{ address: address + 7 }]);
    for (let count = 0; count < 64; count++) heap.free(heap.alloc(40));
    expect(bugs.map(({ title }) => title)).toEqual([
      expect.stringMatching(/^BUG kmalloc-48: Poison overwritten, 7 bytes inside of the object/),
    ]);
    expect(bugs[0]?.block?.allocated?.stack).toContain("sampled-heap.test.ts");
    expect(bugs[0]?.block?.freed?.stack).toContain("sampled-heap.test.ts");
  });

  it("is freed once, from its start", () => {
    const address = heap.alloc(40);
    expect(thrownBy(() => heap.free(address + 16)).code).toBe("INVALID_FREE");
    heap.free(address);
    const error = thrownBy(() => heap.free(address));
    expect(error.code).toBe("DOUBLE_FREE");
    expect(bugs.map(({ reason }) => reason.slice(0, 14))).toEqual(["Invalid object", "Object already"]);
  });

  it("keeps its contents when it is resized, and is another's when it is transferred", () => {
    const address = heap.alloc(40);
    heap.u8(address).fill(7);
    const larger = heap.realloc(address, 200);
    expect([...heap.u8(larger).subarray(0, 40)]).toEqual(Array(40).fill(7));
    expect(blockAt(heap, address)).toMatchObject({ live: false });
    const other = SampledHeap.attach(heap.reserve(), { report });
    transferBlock(heap, larger, other.slot);
    expect(ownerOf(heap, larger)).toBe(other.slot);
    other.free(larger);
    expect(heap.samplingStats().currentlyAllocated).toBe(0);
    expectClean(heap);
  });
});

describe("sampling", () => {
  it("chooses one allocation in many, and leaves the others to the plain heap", () => {
    heap = SampledHeap.create({ sizeBytes: 8 * MIB, sampleEvery: 100, report });
    for (let count = 0; count < 10_000; count++) heap.free(heap.alloc(48));
    const { totalAllocations, totalFrees } = heap.samplingStats();
    expect(totalAllocations).toBeGreaterThan(60);
    expect(totalAllocations).toBeLessThan(160);
    expect(totalFrees).toBe(totalAllocations);
  });

  it("goes on when memory that is not shared has grown", () => {
    heap = SampledHeap.create({ sizeBytes: MIB, maximumBytes: 8 * MIB, shared: false, sampleEvery: 4, report });
    const held = Array.from({ length: 200 }, () => heap.alloc(16_000));
    const { totalAllocations } = heap.samplingStats();
    for (let count = 0; count < 400; count++) heap.free(heap.alloc(20));
    expect(heap.samplingStats().totalAllocations).toBeGreaterThan(totalAllocations + 50);
    for (const address of held) heap.free(address);
    expectClean(heap);
  });

  it("uses no more places than it may, and takes those of the objects that were freed first", () => {
    heap = sampleAll(10);
    const held = Array.from({ length: 20 }, () => heap.alloc(32));
    expect(heap.samplingStats()).toMatchObject({ currentlyAllocated: 10, skippedCapacity: 10 });
    expect(held.filter((address) => heap.usableSize(address) === 32)).toHaveLength(20);
    for (const address of held) heap.free(address);
    expect(heap.samplingStats()).toMatchObject({ currentlyAllocated: 0, zombieAllocations: 5 });
    heap.alloc(100_000);
    expect(heap.samplingStats().skippedIncompatible).toBe(1);
  });

  it("gives everything back at the end", () => {
    const before = heapStats(heap).bytes.freePageBytes;
    const other = SampledHeap.attach(heap.reserve(), { sampleEvery: 1, report });
    for (const address of Array.from({ length: 30 }, () => other.alloc(100))) other.free(address);
    other.detach();
    heap.trim();
    // But for the stacks of the objects, which stay.
    expect(before - heapStats(heap).bytes.freePageBytes).toBeLessThanOrEqual(8 * 4096);
    expectClean(heap);
  });

  it("panics where that is wished", () => {
    heap = SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, panic: true, report });
    const address = heap.alloc(10);
    byte(address + 10, 1);
    expect(thrownBy(() => heap.free(address)).code).toBe("CORRUPTION");
  });

  it("refuses numbers that cannot be", () => {
    const copy = heap.reserve();
    expect(thrownBy(() => SampledHeap.attach(copy, { sampleEvery: 0 })).code).toBe("BAD_ARGUMENT");
    expect(slotStats(heap).map(({ state }) => state)).toEqual(["held", "reserved"]);
    for (const options of [{ sampleEvery: 0 }, { guardedCount: 1 }, { sampleEvery: Number.NaN }]) {
      expect(thrownBy(() => SampledHeap.create({ sizeBytes: MIB, ...options })).code).toBe("BAD_ARGUMENT");
    }
  });
});

describe("a thread that dies", () => {
  it("takes its guarded objects with it, and they are counted no more", () => {
    const other = SampledHeap.attach(heap.reserve(), { sampleEvery: 1, report });
    const held = Array.from({ length: 5 }, () => other.alloc(50));
    other.free(held[0] ?? 0);
    expect(heap.samplingStats().currentlyAllocated).toBe(4);
    reapSlot(heap, other.slot, { blocks: "free" });
    expect(heap.samplingStats().currentlyAllocated).toBe(0);
    expect([...blocksOf(heap)]).toEqual([]);
    expectClean(heap);
  });
});

describe("heaps of different classes", () => {
  it("are opened by their own class alone", () => {
    const debugged = DebugHeap.create({ sizeBytes: MIB });
    const plain = Heap.create({ sizeBytes: MIB });
    const attempts: [() => Heap, RegExp][] = [
      [() => Heap.attach(heap.reserve()), /is sampled: open it with SampledHeap/],
      [() => Heap.attach(debugged.reserve()), /is debugged: open it with DebugHeap/],
      [() => DebugHeap.attach(plain.reserve()), /is a plain one: open it with Heap/],
      [() => SampledHeap.load(dumpHeap(debugged)), /is debugged/],
    ];
    for (const [attempt, message] of attempts) expect(thrownBy(attempt).message).toMatch(message);
    for (const one of [heap, debugged, plain]) {
      expect(slotStats(one).map(({ state }) => state)).toEqual(["held", "reserved"]);
    }
  });

  it("are opened by openHeap as what they were", () => {
    const dumps = [Heap.create({ sizeBytes: MIB }), DebugHeap.create({ sizeBytes: MIB }), heap].map((one) =>
      dumpHeap(one),
    );
    expect(dumps.map((dump) => openHeap(dump).constructor)).toEqual([Heap, DebugHeap, SampledHeap]);
  });
});

describe("the count of allocations", () => {
  it("is that of all heaps of one thread, at the least of their rates", () => {
    const often = SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 10, report });
    const viewer = openHeap(often.handle);
    for (let round = 0; round < 5000; round++) often.free(often.alloc(40));
    expect(often.samplingStats().totalAllocations).toBeGreaterThan(300);
    const seldom = SampledHeap.attach(often.handle, { sampleEvery: 2 ** 30 });
    for (let round = 0; round < 5000; round++) {
      often.free(often.alloc(40));
      if (round % 10 === 0) seldom.free(seldom.alloc(40));
    }
    expect(often.samplingStats().totalAllocations).toBeGreaterThan(600);
    expect(viewer.slot).toBe(often.slot);
  });

  it("goes on where another heap of the thread is opened again and again", () => {
    const rare = SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1000, report });
    for (let round = 0; round < 2000; round++) {
      const other = SampledHeap.attach(rare.handle, { sampleEvery: 1000 });
      rare.free(other.alloc(40));
    }
    expect(rare.samplingStats().totalAllocations).toBeLessThan(20);
  });

  it("is not touched by an alloc that was kept after its slot was given back", () => {
    const first = SampledHeap.create({ sizeBytes: MIB, sampleEvery: 2 ** 30, report });
    const left = SampledHeap.attach(first.reserve(), { sampleEvery: 2 ** 30 });
    left.free(left.alloc(48));
    const { alloc } = left;
    left.detach();
    for (let address = first.tryAlloc(4096); address !== 0; address = first.tryAlloc(4096))
      first.u8(address).fill(0x55);
    const before = new Uint8Array(first.buffer).slice();
    for (let round = 0; round < 5; round++) expect(thrownBy(() => alloc(48)).code).toBe("DETACHED");
    expect(Buffer.compare(before, new Uint8Array(first.buffer))).toBe(0);
  });
});
