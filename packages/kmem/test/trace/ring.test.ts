import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { checkHeap, dumpHeap, Heap, heapStats, loadDump, PAGE_SIZE, reapSlot, repairHeap } from "../../src/index.ts";
import { LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { FrameRecord, OwnerMark, TRACE_EVENTS_MAX, TRACE_MAGIC, TraceHeader } from "../../src/layout.ts";
import {
  createTraceRing,
  findTraceRing,
  openTraceRing,
  type TraceEvent,
  TraceKind,
  TraceReader,
  type TraceRing,
} from "../../src/trace/index.ts";
import { expectBytesAddUp, expectClean, expectRefusal } from "../support/expectations.ts";
import { MEMORY_CASES } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";
import { expectNumbers, MIB, ringPages, TestClock, traced, wordsOf, writeNumber } from "./support.ts";

const NOTHING = { bytesReq: 0, bytesAlloc: 0, gfp: 0, node: 0, name: 0, callSite: 0, slot: 0, timeUs: 0 };

function readAll(ring: TraceRing): readonly TraceEvent[] {
  return new TraceReader(ring).read();
}

describe("a trace ring", () => {
  it.each(MEMORY_CASES.map((memory) => [memory.name, memory] as const))("keeps events in %s", (_name, memory) => {
    const { heap, foreignFault } = memory.make();
    const clock = new TestClock();
    const ring = createTraceRing(heap, 100, { clock: clock.now }) as TraceRing;
    expect(ring.capacity).toBe(128);
    for (let number = 0; number < 10; number++) writeNumber(ring, number);
    expectNumbers(readAll(ring), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expectClean(heap);
    expectBytesAddUp(heap);
    expect(foreignFault()).toBe(-1);
  });

  it("has of each kind of event what the kernel's tracepoint has", () => {
    const { ring, clock } = traced(16);
    clock.ms += 1.25;
    ring.kmalloc(0x1000, 100, 112, 7, 5, 1);
    ring.kmalloc(0x2000, 1, 16, 7);
    ring.kfree(0x1000, 6);
    ring.cacheAlloc(0xffff_fff0, 90, 200, 208, 3, 8, 2);
    ring.cacheFree(0xffff_fff0, 90, 9);
    ring.pageAlloc(0x8000, 3 * PAGE_SIZE, 5, 10);
    ring.pageFree(0x9000, PAGE_SIZE, 11);
    const at = { ...NOTHING, timeUs: 1250, node: -1 };
    const kind = TraceKind;
    expect(readAll(ring)).toEqual([
      {
        ...at,
        number: 0,
        kind: kind.KMALLOC,
        ptr: 0x1000,
        bytesReq: 100,
        bytesAlloc: 112,
        gfp: 7,
        callSite: 5,
        node: 1,
      },
      { ...at, number: 1, kind: kind.KMALLOC, ptr: 0x2000, bytesReq: 1, bytesAlloc: 16, gfp: 7 },
      { ...at, number: 2, kind: kind.KFREE, ptr: 0x1000, callSite: 6 },
      {
        ...at,
        ...{ number: 3, kind: kind.CACHE_ALLOC, ptr: 0xffff_fff0, name: 90, bytesReq: 200, bytesAlloc: 208, gfp: 3 },
        ...{ callSite: 8, node: 2 },
      },
      { ...at, number: 4, kind: kind.CACHE_FREE, ptr: 0xffff_fff0, name: 90, callSite: 9 },
      {
        ...at,
        ...{
          number: 5,
          kind: kind.PAGE_ALLOC,
          ptr: 0x8000,
          bytesReq: 12_288,
          bytesAlloc: 12_288,
          gfp: 5,
          callSite: 10,
        },
      },
      { ...at, number: 6, kind: kind.PAGE_FREE, ptr: 0x9000, bytesAlloc: PAGE_SIZE, callSite: 11 },
    ]);
  });

  it("tells microseconds beyond 32 bits, and none before it was made", () => {
    const { ring, clock } = traced(4);
    clock.ms += 10_000_000_000;
    ring.kfree(0);
    clock.ms = 0;
    ring.kfree(0);
    expect(readAll(ring).map(({ timeUs }) => timeUs)).toEqual([10_000_000_000_000, 0]);
  });

  it("tells the time of the system where it is not given another clock", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const before = performance.now();
    const ring = createTraceRing(heap, 4) as TraceRing;
    const opened = openTraceRing(heap, ring.address);
    opened.kfree(0);
    const spentUs = (performance.now() - before) * 1000;
    const [event] = readAll(ring);
    expect(event?.timeUs).toBeLessThanOrEqual(Math.ceil(spentUs));
  });

  it("starts over when it is full, and counts what was overwritten as lost", () => {
    const { ring } = traced(64);
    for (let number = 0; number < 1000; number++) writeNumber(ring, number);
    const reader = new TraceReader(ring);
    expectNumbers(
      reader.read(),
      Array.from({ length: 64 }, (_, index) => 936 + index),
    );
    expect([reader.lostCount, reader.pendingCount]).toEqual([936, 0]);
  });

  it("goes on when its tickets wrap at 2^32", () => {
    const { heap, ring } = traced(8);
    const reader = new TraceReader(ring);
    const words = wordsOf(heap);
    const next = ring.address / 4 + TraceHeader.NEXT;
    // What a reader has read up to there, none of it is known any more.
    words[next] = -6;
    expect(reader.read()).toEqual([]);
    expect(reader.lostCount + reader.pendingCount).toBe(2 ** 32 - 6);
    for (let number = 0; number < 12; number++) writeNumber(ring, number);
    expectNumbers(reader.read(), [4, 5, 6, 7, 8, 9, 10, 11]);
    for (let number = 20; number < 26; number++) writeNumber(ring, number);
    expectNumbers(reader.read(), [20, 21, 22, 23, 24, 25]);
    expect(reader.lostCount + reader.pendingCount).toBe(2 ** 32 - 6 + 4);
  });
});

describe("the pages of a trace ring", () => {
  it("are marked in the frame table, and found by that", () => {
    const { heap, ring } = traced(300);
    const peek = new Peek(heap);
    const frame = ring.address / PAGE_SIZE;
    expect(peek.frame(frame, FrameRecord.SLAB_OR_OWNER)).toBe(OwnerMark.TRACE_RING);
    expect(peek.frame(frame, FrameRecord.COUNT)).toBe(ringPages(ring));
    expect(wordsOf(heap)[ring.address / 4]).toBe(TRACE_MAGIC);
    const found = findTraceRing(heap);
    expect([found?.address, found?.capacity]).toEqual([ring.address, 512]);
    expect(findTraceRing(Heap.create({ sizeBytes: MIB }))).toBe(undefined);
  });

  it("are not taken for those of the Linux kernel, nor its anchor page for a ring", () => {
    const { heap, ring } = traced(16);
    linux(heap, new LogRing()).vmalloc(100);
    ring.end();
    expect(findTraceRing(heap)).toBe(undefined);
    expect(linux(heap, new LogRing()).check().findings).toEqual([]);
  });

  it("are left alone by check, repair, trim and reap, and found in a dump", () => {
    const { heap, ring } = traced(300);
    for (let number = 0; number < 10; number++) writeNumber(ring, number);
    heap.trim();
    const report = repairHeap(heap);
    expect(report).toMatchObject({ isRepaired: true, findings: [], steps: [] });
    const dead = heap.reserve();
    reapSlot(heap, dead.place?.slot ?? 0, { blocks: "free" });
    expectClean(heap);
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const each of [heap, loadDump(dumpHeap(heap))]) {
      const found = findTraceRing(each) as TraceRing;
      expect(found.address).toBe(ring.address);
      expectNumbers(readAll(found), numbers);
      writeNumber(found, 10);
      expectNumbers(readAll(found), [...numbers, 10]);
      expectClean(each);
    }
  });

  it.each([
    ["the kind of its head", 0],
    ["the kind of a tail", 2],
  ])("are repaired when %s is damaged", (_what, page) => {
    const { heap, ring } = traced(300);
    writeNumber(ring, 1);
    const { kindBias } = layersOf(heap).pages.frames;
    layersOf(heap).memory.bytes[kindBias + ring.address / PAGE_SIZE + page] = page === 0 ? 9 : 1;
    expect(checkHeap(heap).isClean).toBe(false);
    expect(repairHeap(heap).isRepaired).toBe(true);
    expectNumbers(readAll(findTraceRing(heap) as TraceRing), [1]);
  });

  it("go back when it ends, once", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const { freePageBytes } = heapStats(heap).bytes;
    const ring = createTraceRing(heap, 1000) as TraceRing;
    const other = openTraceRing(heap, ring.address);
    expect(heapStats(heap).bytes.freePageBytes).toBe(freePageBytes - ringPages(ring) * PAGE_SIZE);
    ring.end();
    expect(heapStats(heap).bytes.freePageBytes).toBe(freePageBytes);
    expectRefusal(heap, () => other.end(), "INVALID_ADDRESS", /no trace ring begins at 0x[0-9a-f]+ any more/);
    expect(findTraceRing(heap)).toBe(undefined);
    expectClean(heap);
  });

  it("may be those of several rings, of which the lowest is found", () => {
    const { heap, ring } = traced(16);
    const second = createTraceRing(heap, 16) as TraceRing;
    expect(findTraceRing(heap)?.address).toBe(Math.min(ring.address, second.address));
    expect(openTraceRing(heap, second.address).capacity).toBe(16);
  });
});

describe("a trace ring is refused", () => {
  it.each([0, -1, 1.5, Number.NaN, TRACE_EVENTS_MAX + 1, "8"])("for %j events", (count) => {
    const heap = Heap.create({ sizeBytes: MIB });
    expectRefusal(
      heap,
      () => createTraceRing(heap, count as number),
      "BAD_ARGUMENT",
      /a ring has 1 to 16777216 events/,
    );
  });

  it("where there are no pages for it, and nothing is changed", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const { bytes } = heapStats(heap);
    expect(createTraceRing(heap, MIB)).toBe(undefined);
    expect(heapStats(heap).bytes).toEqual(bytes);
    expectClean(heap);
  });

  it.each([
    ["a block", ({ heap }: { heap: Heap }) => heap.alloc(10)],
    ["a page of pages", ({ heap }: { heap: Heap }) => heap.pages.alloc(1)],
    ["the middle of one", ({ ring }: { ring: TraceRing }) => ring.address + 64],
    ["its second page", ({ ring }: { ring: TraceRing }) => ring.address + PAGE_SIZE],
    ["null", () => 0],
    ["what is no address", () => -4096],
    ["what is beyond the heap", () => 2 ** 40],
  ])("at %s", (_what, addressIn) => {
    const world = traced(300);
    const address = addressIn(world);
    expectRefusal(world.heap, () => openTraceRing(world.heap, address), "INVALID_ADDRESS", /no trace ring begins at/);
  });

  it("whose header was overwritten, whatever is in it", () => {
    const { heap, ring } = traced(300);
    const words = wordsOf(heap);
    for (const shift of [-1, 0, 1, 8, 10, 31, 40, 2 ** 31 - 1]) {
      words[ring.address / 4 + TraceHeader.SHIFT] = shift;
      expect(findTraceRing(heap)).toBe(undefined);
    }
    words[ring.address / 4 + TraceHeader.SHIFT] = 9;
    expect(findTraceRing(heap)?.capacity).toBe(512);
    words[ring.address / 4] = 0;
    expect(findTraceRing(heap)).toBe(undefined);
  });
});
