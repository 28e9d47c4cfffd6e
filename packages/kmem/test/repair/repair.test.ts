import { beforeEach, describe, expect, it } from "vitest";
import {
  blockAt,
  blocksOf,
  type Cache,
  checkHeap,
  Heap,
  heapStats,
  type RepairReport,
  repairHeap,
} from "../../src/index.ts";
import { LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { CacheRecord, FrameKind, FrameRecord, Header, RunKind, SlotRecord, Tag, ZoneRecord } from "../../src/layout.ts";
import { type BusyHeap, busyHeap } from "../support/busy-heap.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { frameOf } from "../support/patient.ts";
import { Peek } from "../support/peek.ts";

let busy: BusyHeap;
let heap: Heap;
let peek: Peek;

beforeEach(() => {
  busy = busyHeap();
  heap = busy.heap;
  peek = new Peek(heap);
});

/** Repairs, and asserts that the check finds nothing any more. */
function repair(): RepairReport {
  const report = repairHeap(heap);
  expect(report.remaining).toEqual([]);
  expect(report.isRepaired).toBe(true);
  expectClean(heap);
  return report;
}

/** All that is live in the busy heap is live, and can be freed. */
function expectAllThere(): void {
  for (const block of [...busy.blocks, ...busy.runs]) heap.free(block);
  for (const object of busy.objects) busy.cache.free(object);
  const [one = 0, five = 0, seven = 0] = busy.pages;
  heap.pages.free(one, 1);
  heap.pages.free(five, 5);
  heap.pages.free(seven, 7);
  expect(heapStats(heap).liveBlocks).toBe(0);
  expectClean(heap);
}

describe("repair of a sound heap", () => {
  it("finds nothing, steps nothing, and leaves all that is live as it was", () => {
    const blocks = [...blocksOf(heap)];
    expect(repair()).toMatchObject({ findings: [], steps: [] });
    expect([...blocksOf(heap)]).toEqual(blocks);
    expectAllThere();
  });

  it("keeps the pages of the Linux face, its virtual areas and mempools", () => {
    const { vmalloc, vfree, kmalloc, kfree } = linux(heap, new LogRing());
    const area = vmalloc(20_000);
    const block = kmalloc(100, 0);
    expect(repair().steps).toEqual([]);
    vfree(area);
    kfree(block);
    expect(linux(heap, new LogRing()).vmalloc(20_000)).toBe(area);
    expectClean(heap);
  });

  it("is the same for a heap in the middle of a memory", () => {
    const memory = new ArrayBuffer(4 * MIB);
    heap = Heap.create({ memory, start: 70_001 });
    const blocks = Array.from({ length: 100 }, (_, index) => heap.alloc(index * 30));
    const words = new Int32Array(memory);
    words[(18 * PAGE) / 4 + Header.TAG_TABLE] ^= 0x100;
    const { steps } = repair();
    expect(steps).toMatchObject([{ layer: "header", address: 18 * PAGE + Header.TAG_TABLE * 4, isLoss: false }]);
    for (const block of blocks) heap.free(block);
    expectClean(heap);
  });
});

describe("what follows from other things is rebuilt without loss", () => {
  it.each<[string, () => void]>([
    ["all zones", () => peek.words.fill(-1, peek.zoneWord(0, 0), peek.zoneWord(1, ZoneRecord.FREE_COUNT + 11))],
    ["the slot's area", () => peek.words.fill(0x1234567, peek.areaWord, peek.areaWord + PAGE)],
    ["the slot's record", () => peek.words.fill(7, peek.slotWord(0, 0), peek.slotWord(1, 0))],
    ["the locks and the queue of waiters", () => peek.words.fill(3, peek.headerWord(32), peek.headerWord(119))],
    ["the record of a size class", () => peek.words.fill(9, peek.cacheWord(20, 0), peek.cacheWord(21, 0))],
    [
      "the end of the pages",
      () => {
        peek.words[peek.headerWord(Header.END_FRAME)] -= 20;
      },
    ],
    [
      "the checksum",
      () => {
        peek.words[peek.headerWord(Header.CHECKSUM)] = 0;
      },
    ],
    [
      "lists and counts of all caches",
      () => {
        for (const kind of heapKinds()) peek.words.fill(5, peek.cacheWord(kind, 6), peek.cacheWord(kind, 11));
      },
    ],
    [
      "links and counts of slabs",
      () => {
        for (let frame = peek.firstPageFrame; frame < peek.endFrame; frame++) {
          if (peek.kind(frame) < FrameKind.FIRST_CACHE) continue;
          peek.words.fill(77, peek.frameWord(frame, 0), peek.frameWord(frame, 3));
        }
      },
    ],
  ])("%s", (_, damage) => {
    damage();
    expect(checkHeap(heap).isClean).toBe(false);
    const { steps, findings } = repair();
    expect(steps.filter(({ isLoss }) => isLoss)).toEqual([]);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.every(({ done }) => done.length > 0)).toBe(true);
    expectAllThere();
  });
});

function heapKinds(): number[] {
  return heapStats(heap, { emptyCaches: true }).caches.map((_, index) => FrameKind.FIRST_CACHE + index);
}

describe("the truth is repaired where two of three witnesses say what it was", () => {
  const slabFrame = (): number => frameOf(busy.objects[0] as number);
  const bigBlock = (): number => busy.runs[1] as number;

  it.each<[string, () => void]>([
    [
      "the kind of a slab",
      () => {
        peek.bytes[peek.kindByte(slabFrame())] = FrameKind.FREE_TAIL;
      },
    ],
    [
      "HEAD of a slab",
      () => {
        peek.words[peek.frameWord(slabFrame(), FrameRecord.SLAB_OR_OWNER)] = 3;
      },
    ],
    [
      "the kind of a run's head",
      () => {
        peek.bytes[peek.kindByte(frameOf(bigBlock()))] = 200;
      },
    ],
    [
      "the kind of a run's tail",
      () => {
        peek.bytes[peek.kindByte(frameOf(bigBlock()) + 3)] = 2;
      },
    ],
    [
      "COUNT of a run",
      () => {
        peek.words[peek.frameWord(frameOf(bigBlock()), FrameRecord.COUNT)] = -7;
      },
    ],
    [
      "OWNER of a run",
      () => {
        peek.words[peek.frameWord(frameOf(bigBlock()), FrameRecord.SLAB_OR_OWNER)] = 99;
      },
    ],
    [
      "a name",
      () => {
        peek.bytes[peek.cacheWord(88, CacheRecord.NAME) * 4 + 1] = 65;
      },
    ],
    [
      "flags",
      () => {
        peek.words[peek.cacheWord(88, CacheRecord.FLAGS)] = 1;
      },
    ],
    [
      "the bytes of a block",
      () => {
        peek.words[peek.cacheWord(88, CacheRecord.BLOCK_BYTES)] = 4096;
      },
    ],
    [
      "the bytes of an object",
      () => {
        peek.words[peek.cacheWord(88, CacheRecord.OBJECT_BYTES)] = 12_345;
      },
    ],
  ])("%s", (_, damage) => {
    expect(peek.kindAt(busy.objects[0] as number)).toBe(88);
    damage();
    expect(checkHeap(heap).isClean).toBe(false);
    const { steps } = repair();
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.filter(({ isLoss }) => isLoss)).toEqual([]);
    expect(heapStats(heap, { emptyCaches: true }).caches[72]).toMatchObject({ name: "objects", objectBytes: 72 });
    expectAllThere();
  });
});

describe("what may be in use is kept", () => {
  it("a block whose live tag lost a bit stays live", () => {
    const [block = 0] = busy.blocks;
    peek.bytes[peek.tagByte(block)] ^= 0x80;
    const { steps } = repair();
    expect(steps).toMatchObject([{ layer: "slab", address: block, isLoss: true }]);
    expect(blockAt(heap, block)?.live).toBe(true);
    expectAllThere();
  });

  it("what lies in a sheaf is free again when the sheaf is damaged, not the tags", () => {
    const free = heapStats(heap).bytes.sheafBytes;
    expect(free).toBeGreaterThan(0);
    peek.words.fill(0, peek.areaWord, peek.areaWord + 256);
    expect(repair().steps).toEqual([]);
    expect(heapStats(heap).bytes.sheafBytes).toBe(0);
    expectAllThere();
  });

  it("pages of a kind that means nothing are kept as pages of nobody", () => {
    const page = busy.pages[0] as number;
    peek.bytes[peek.kindByte(frameOf(page))] = 255;
    const { steps } = repair();
    expect(steps).toMatchObject([{ layer: "pages", address: page, isLoss: true }]);
    expect(peek.kindAt(page)).toBe(RunKind.PAGES);
    expectAllThere();
  });

  it("slabs of a cache of which nothing certain is left are kept as pages", () => {
    const odd = heap.createCache({ name: "odd", sizeBytes: 600 });
    const objects = Array.from({ length: 30 }, () => odd.alloc());
    const kind = peek.kindAt(objects[0] as number);
    peek.words.fill(0x7654321, peek.cacheWord(kind, 0), peek.cacheWord(kind + 1, 0));
    const { steps } = repair();
    expect(steps.some(({ done, isLoss }) => isLoss && done.includes("nothing certain"))).toBe(true);
    for (const object of objects) {
      expect([RunKind.PAGES, RunKind.PAGES + 1]).toContain(peek.kindAt(object));
      expect(peek.tag(object)).toBe(Tag.NONE);
    }
    expectAllThere();
  });
});

describe("repair of a heap that several slots share", () => {
  let other: Heap;
  let cache: Cache;
  let mine: number[];

  beforeEach(() => {
    heap = Heap.create({ sizeBytes: 2 * MIB, slotCount: 4 });
    other = Heap.attach(heap.reserve());
    peek = new Peek(heap);
    cache = other.createCache({ name: "shared", sizeBytes: 200 });
    mine = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? heap : other).alloc(40));
    for (const block of mine.splice(0, 50)) other.free(block);
    mine.push(cache.alloc());
  });

  it("lets every slot work on where it was", () => {
    peek.words.fill(6, peek.words[peek.slotWord(1, SlotRecord.AREA)] / 4, peek.words[peek.slotWord(1, 2)] / 4 + 600);
    peek.words[peek.headerWord(Header.BARNS)] = 0x5000;
    peek.words[peek.headerWord(Header.TAKEN_SLOTS)] = 0x70;
    repair();
    expect(heapStats(heap).heldSlots).toBe(2);
    cache.free(mine.pop() as number);
    for (const [index, block] of mine.entries()) (index % 3 === 0 ? heap : other).free(block);
    expect(other.alloc(40)).toBeGreaterThan(0);
    expect(cache.alloc()).toBeGreaterThan(0);
    expectClean(heap);
    other.detach();
    heap.trim();
    expectClean(heap);
  });

  it("finds the area of a slot by its owner when its record does not say", () => {
    const area = peek.words[peek.slotWord(1, SlotRecord.AREA)];
    peek.words[peek.slotWord(1, SlotRecord.AREA)] = 0x123;
    repair();
    expect(peek.words[peek.slotWord(1, SlotRecord.AREA)]).toBe(area);
    expect(other.alloc(40)).toBeGreaterThan(0);
  });

  it("gives up a slot that has no area any more, and tells its thread", () => {
    const frame = peek.words[peek.slotWord(1, SlotRecord.AREA)] / PAGE;
    peek.words[peek.slotWord(1, SlotRecord.AREA)] = 0;
    peek.words[peek.slotWord(1, SlotRecord.STATE)] = 15;
    peek.words[peek.frameWord(frame, FrameRecord.COUNT)] = 2;
    repair();
    expect(() => other.createCache({ name: "late", sizeBytes: 16 })).toThrow(/no longer this thread's/);
    expect(heapStats(heap).heldSlots).toBe(1);
  });
});
