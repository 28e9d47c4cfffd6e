import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { checkHeap, Heap, repairHeap } from "../../src/index.ts";
import { FrameKind, GROUP_FRAMES, GROUP_SHIFT, GroupWord, ZoneRecord } from "../../src/layout.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

const NORMAL = 1;
/** Runs from here on come from the lowest stretch with room. */
const LEAST_PAGES = 16;

function isFree(peek: Peek, frame: number): boolean {
  const kind = peek.kind(frame);
  return kind === FrameKind.FREE_HEAD || kind === FrameKind.FREE_TAIL;
}

/** The first of `count` free frames of the normal zone, one frame after the other looked at. */
function lowestStretch(peek: Peek, count: number): number {
  let length = 0;
  for (let frame = peek.zone(NORMAL, ZoneRecord.FIRST_FRAME); frame < peek.endFrame; frame++) {
    length = isFree(peek, frame) ? length + 1 : 0;
    if (length === count) return frame - count + 1;
  }
  return 0;
}

const step = fc.record({
  isAlloc: fc.boolean(),
  pageCount: fc.integer({ min: LEAST_PAGES, max: 200 }),
  blockBytes: fc.constantFrom(16, 700, 5000, 20_000),
  pick: fc.nat(),
});

describe.each([
  ["one zone", 8 * MIB, 0, 0],
  ["two zones, the boundary within a group", 8 * MIB, 300_000, 0],
  ["a heap that begins within a group", 8 * MIB, 0, 5 * PAGE],
])("large blocks in %s", (_name, sizeBytes, dmaBytes, start) => {
  it("take the lowest stretch with room, whatever was taken and freed before", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const memory = new SharedArrayBuffer(sizeBytes);
        const heap = Heap.create({ memory, start, dmaBytes });
        const peek = new Peek(heap);
        const blocks: number[] = [];
        for (const { isAlloc, pageCount, blockBytes, pick } of steps) {
          if (!isAlloc && blocks.length > 0) {
            heap.free(blocks.splice(pick % blocks.length, 1)[0] as number);
            continue;
          }
          // What small blocks take and give back changes groups as well.
          blocks.push(heap.alloc(blockBytes));
          // Else it would give back what lies idle when it has seen that.
          heap.trim();
          const lowest = lowestStretch(peek, pageCount);
          const block = heap.tryAlloc(pageCount * PAGE);
          // A part of the pages is kept for those who must not fail; and there may be room in the other zone.
          if (block === 0 || lowest === 0) continue;
          expect(block / PAGE).toBe(lowest);
          blocks.push(block);
        }
        expectClean(heap);
        for (const block of blocks) heap.free(block);
        expectClean(heap);
      }),
      { numRuns: 12 },
    );
  });
});

describe("what is noted of a group of frames", () => {
  let heap: Heap;
  let peek: Peek;
  let blocks: number[];

  beforeEach(() => {
    heap = Heap.create({ sizeBytes: 16 * MIB });
    peek = new Peek(heap);
    blocks = Array.from({ length: 12 }, (_, index) => heap.alloc((20 + index * 30) * PAGE));
    for (const block of blocks.splice(3, 4)) heap.free(block);
    blocks.push(heap.alloc(1000 * PAGE));
  });

  const firstGroup = (): number => (peek.firstPageFrame >>> GROUP_SHIFT) + 1;
  const notedOf = (group: number): number => peek.words[peek.groupWord(group << GROUP_SHIFT)];

  it("are the free frames at its start and end, and the longest stretch", () => {
    let notedCount = 0;
    for (let group = firstGroup(); group < peek.endFrame >>> GROUP_SHIFT; group++) {
      if (notedOf(group) === 0) continue;
      const kinds = Array.from({ length: GROUP_FRAMES }, (_, at) => isFree(peek, (group << GROUP_SHIFT) + at));
      const lengths = kinds.map((kind) => (kind ? "f" : " ")).join("");
      const atStart = /^f*/.exec(lengths)![0].length;
      const atEnd = /f*$/.exec(lengths)![0].length;
      const longest = Math.max(...lengths.split(/ +/).map((stretch) => stretch.length));
      const { KNOWN, END_SHIFT, LONGEST_SHIFT } = GroupWord;
      expect(notedOf(group)).toBe(KNOWN | atStart | (atEnd << END_SHIFT) | (longest << LONGEST_SHIFT));
      notedCount++;
    }
    expect(notedCount).toBeGreaterThan(5);
  });

  it("is checked, and forgotten by a repair", () => {
    const group = Array.from({ length: 50 }, (_, at) => firstGroup() + at).find((one) => notedOf(one) !== 0) as number;
    const frame = group << GROUP_SHIFT;
    for (const [at, change] of [
      [frame, 1],
      [frame, 1 << 30],
      [peek.baseFrame, 5],
      [peek.endFrame - 1, -1],
    ] as const) {
      peek.words[peek.groupWord(at)] ^= change;
      expect(checkHeap(heap).findings.map(({ problem }) => problem)).toContain(
        "what is noted of the free pages among 64 is wrong",
      );
      expect(repairHeap(heap).findings.length).toBe(1);
      expectClean(heap);
    }
  });

  it("is found by every search, wherever searches are told to begin", () => {
    for (const from of [0, -1, peek.endFrame - 1, peek.endFrame, 2 ** 31 - 1]) {
      for (let order = 0; order <= 10; order++)
        peek.words[peek.zoneWord(NORMAL, ZoneRecord.SEARCH_FROM + order)] = from;
      const block = heap.alloc(50 * PAGE);
      expect(block).toBeGreaterThan(0);
      heap.free(block);
      expectClean(heap);
    }
  });
});
