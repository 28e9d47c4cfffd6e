import { describe, expect, it } from "vitest";
import { KmemError } from "../../src/index.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import {
  ARENA_HEADER_BYTES,
  ARENA_TABLE_WORDS,
  ArenaHeader,
  NO_RANGE,
  NO_RECORD,
  SEGMENT_WORDS,
  SegmentRecord,
  UNITS_END,
} from "../../src/vmem/layout.ts";
import { Vmem, type VmemOptions } from "../../src/vmem/vmem.ts";
import { thrownBy } from "../support/expectations.ts";

const HEADER_ADDRESS = 64;
const TABLE_ADDRESS = HEADER_ADDRESS + ARENA_HEADER_BYTES;
const MEMORY_BYTES = 1 << 16;

/** Bytes of a table with room for exactly `recordCount` records. */
function tableBytes(recordCount: number, ownerWords = 0): number {
  return (ARENA_TABLE_WORDS + recordCount * (SEGMENT_WORDS + ownerWords)) * 4;
}

function findingsOf(arena: Vmem): string[] {
  const findings: string[] = [];
  arena.check((_address, problem) => findings.push(problem));
  return findings;
}

function makeArena(recordCount: number, options: VmemOptions = {}): { arena: Vmem; memory: LinearMemory } {
  const memory = new LinearMemory(new ArrayBuffer(MEMORY_BYTES));
  const arena = Vmem.create(memory, HEADER_ADDRESS, options);
  if (recordCount > 0) arena.addTable(TABLE_ADDRESS, tableBytes(recordCount, options.ownerWords));
  return { arena, memory };
}

/** An arena over the integers from `start` on, with plenty of records. */
function arenaOf(start: number, size: number): { arena: Vmem; memory: LinearMemory } {
  const made = makeArena(100);
  made.arena.addSpan(start, size);
  return made;
}

/** Asserts that a call throws this code and text and changes no byte. */
function expectRefusal(memory: LinearMemory, action: () => unknown, code: string, text: string): void {
  const before = memory.bytes.slice();
  const error = thrownBy(action);
  expect(error).toBeInstanceOf(KmemError);
  expect(error.code).toBe(code);
  expect(error.message).toContain(text);
  expect(Buffer.compare(before, memory.bytes)).toBe(0);
}

const shape = (arena: Vmem): string =>
  [...arena.ranges()].map(({ start, size, isFree }) => `${isFree ? "-" : "+"}${start}:${size}`).join(" ");

describe("an arena's alloc", () => {
  it("takes the lowest range that fits", () => {
    const { arena } = arenaOf(10, 100);
    expect([arena.alloc(5), arena.alloc(20), arena.alloc(5), arena.alloc(30)]).toEqual([10, 15, 35, 40]);
    arena.free(15);
    arena.free(10);
    arena.free(40);
    expect(arena.alloc(26)).toBe(40);
    expect(arena.alloc(25)).toBe(10);
    expect(shape(arena)).toBe("+10:25 +35:5 +40:26 -66:44");
    expect(findingsOf(arena)).toEqual([]);
  });

  it("starts at a multiple of any alignment and leaves what lies before free", () => {
    const { arena } = arenaOf(10, 100);
    expect(arena.alloc(5, 16)).toBe(16);
    expect(arena.alloc(7, 7)).toBe(21);
    expect(arena.alloc(3, 3)).toBe(12);
    expect(shape(arena)).toBe("-10:2 +12:3 -15:1 +16:5 +21:7 -28:82");
    expect(arena.alloc(2, 64)).toBe(64);
    expect(findingsOf(arena)).toEqual([]);
  });

  it("passes a range that is long enough but not from an aligned start on", () => {
    const { arena } = arenaOf(1, 200);
    for (let start = 1; start < 201; start += 10) expect(arena.alloc(10)).toBe(start);
    arena.free(21);
    arena.free(71);
    expect(arena.alloc(8, 8)).toBe(72);
    expect(arena.alloc(7, 8)).toBe(24);
    expect(arena.alloc(7, 8)).toBe(NO_RANGE);
    expect(findingsOf(arena)).toEqual([]);
  });

  it("takes all there is, and then nothing", () => {
    const { arena, memory } = arenaOf(0, 64);
    expect(arena.alloc(65)).toBe(NO_RANGE);
    expect(arena.alloc(64)).toBe(0);
    const full = memory.bytes.slice();
    expect(arena.alloc(1)).toBe(NO_RANGE);
    expect(Buffer.compare(full, memory.bytes)).toBe(0);
    expect(arena).toMatchObject({ freeUnits: 0, totalUnits: 64, longestFree: 0 });
  });

  it("reaches to the highest integer", () => {
    const { arena } = arenaOf(0, UNITS_END);
    expect(arena.alloc(UNITS_END - 8)).toBe(0);
    expect(arena.alloc(2, 0x8000_0000)).toBe(NO_RANGE);
    expect(arena.alloc(8)).toBe(UNITS_END - 8);
    expect(arena.lookup(UNITS_END - 1)).toMatchObject({ start: UNITS_END - 8, size: 8 });
    expect(arena.lookup(UNITS_END)).toBeUndefined();
    expect(arena.free(0)).toBe(UNITS_END - 8);
    expect(arena).toMatchObject({ freeUnits: UNITS_END - 8, longestFree: UNITS_END - 8 });
    expect(arena.alloc(2, 0x8000_0000)).toBe(0);
    expect(arena.alloc(2, 0x8000_0000)).toBe(0x8000_0000);
    expect(findingsOf(arena)).toEqual([]);
  });

  it("refuses what is no size and no alignment", () => {
    const { arena, memory } = arenaOf(0, 64);
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
      expectRefusal(memory, () => arena.alloc(size), "BAD_SIZE", `not ${size}`);
    }
    for (const align of [0, -4, 0.5, Number.NaN, 2 ** 33]) {
      expectRefusal(memory, () => arena.alloc(1, align), "BAD_ALIGNMENT", `not ${align}`);
    }
  });
});

describe("an arena's free", () => {
  it.each([
    ["neither", [10, 30], 20, "+0:10 -10:10 +20:10 -30:10 +40:10 -50:50", 20],
    ["the one before", [10], 20, "+0:10 -10:20 +30:10 +40:10 -50:50", 20],
    ["the one behind", [30], 20, "+0:10 +10:10 -20:20 +40:10 -50:50", 20],
    ["both", [10, 30], 20, "+0:10 -10:30 +40:10 -50:50", 20],
  ])("merges a range with %s of its neighbours", (which, freed, last, expected) => {
    const { arena } = arenaOf(0, 100);
    for (let count = 0; count < 5; count++) arena.alloc(10);
    for (const start of freed) expect(arena.free(start)).toBe(10);
    if (which !== "neither") expect(arena.free(last)).toBe(10);
    expect(shape(arena)).toBe(expected);
    expect(findingsOf(arena)).toEqual([]);
  });

  it("refuses what is not the start of an allocated range, and says what lies there", () => {
    const { arena, memory } = arenaOf(10, 100);
    arena.alloc(20);
    arena.free(arena.alloc(20));
    expectRefusal(memory, () => arena.free(15), "INVALID_FREE", "cannot free 15: it lies inside of the range of 20");
    expectRefusal(memory, () => arena.free(30), "INVALID_FREE", "it is free");
    expectRefusal(memory, () => arena.free(50), "INVALID_FREE", "it is free");
    for (const value of [0, 9, 110, -1, 10.5, Number.NaN, 2 ** 40]) {
      expectRefusal(memory, () => arena.free(value), "INVALID_FREE", `cannot free ${value}`);
    }
    arena.free(10);
    expectRefusal(memory, () => arena.free(10), "INVALID_FREE", "it is free");
    expect(shape(arena)).toBe("-10:100");
  });
});

describe("an arena's spans", () => {
  it("may be many, in any order, and no range reaches across two that touch", () => {
    const { arena } = makeArena(20);
    for (const [start, size] of [
      [100, 10],
      [0, 10],
      [10, 10],
      [50, 25],
    ] as const) {
      expect(arena.addSpan(start, size)).toBe(true);
    }
    expect(shape(arena)).toBe("-0:10 -10:10 -50:25 -100:10");
    expect(arena.alloc(11)).toBe(50);
    expect([arena.alloc(10), arena.alloc(10)]).toEqual([0, 10]);
    arena.free(0);
    arena.free(10);
    expect(shape(arena)).toBe("-0:10 -10:10 +50:11 -61:14 -100:10");
    expect(arena).toMatchObject({ totalUnits: 55, freeUnits: 44, longestFree: 14 });
    expect(findingsOf(arena)).toEqual([]);
  });

  it("are refused where they overlap or leave the integers", () => {
    const { arena, memory } = makeArena(20);
    arena.addSpan(10, 10);
    for (const [start, size] of [
      [10, 10],
      [5, 6],
      [19, 1],
      [0, 100],
      [12, 2],
    ] as const) {
      expectRefusal(memory, () => arena.addSpan(start, size), "BAD_ARGUMENT", "overlaps");
    }
    for (const start of [-1, 0.5, Number.NaN, UNITS_END]) {
      expectRefusal(memory, () => arena.addSpan(start, 1), "BAD_ARGUMENT", "out of bounds");
    }
    expectRefusal(memory, () => arena.addSpan(30, 0), "BAD_SIZE", "not 0");
  });

  it("can be taken back when all of them is free", () => {
    const { arena, memory } = makeArena(20);
    for (const start of [0, 10, 20]) arena.addSpan(start, 10);
    const range = arena.alloc(3);
    expectRefusal(memory, () => arena.removeSpan(0), "BAD_ARGUMENT", "no span that is all free");
    expectRefusal(memory, () => arena.removeSpan(3), "BAD_ARGUMENT", "no span that is all free");
    const far = arena.alloc(2, 16);
    expect(far).toBe(16);
    expectRefusal(memory, () => arena.removeSpan(10), "BAD_ARGUMENT", "no span that is all free");
    arena.free(range);
    arena.free(far);
    arena.removeSpan(10);
    expect(shape(arena)).toBe("-0:10 -20:10");
    expect(arena).toMatchObject({ totalUnits: 20, freeUnits: 20 });
    arena.removeSpan(20);
    arena.removeSpan(0);
    expect(shape(arena)).toBe("");
    expect(arena).toMatchObject({ totalUnits: 0, longestFree: 0, unusedRecords: 20 });
    expectRefusal(memory, () => arena.removeSpan(0), "BAD_ARGUMENT", "starts at 0");
    expect(findingsOf(arena)).toEqual([]);
  });
});

describe("an arena's records", () => {
  it("run out as an ordinary failure that changes nothing", () => {
    const { arena, memory } = makeArena(2);
    expect(arena.addSpan(0, 100)).toBe(true);
    expect(arena.alloc(10)).toBe(0);
    const before = memory.bytes.slice();
    expect(arena.alloc(10)).toBe(NO_RANGE);
    expect(arena.addSpan(200, 10)).toBe(false);
    expect(Buffer.compare(before, memory.bytes)).toBe(0);
    // Neither what fits exactly nor a free needs one.
    expect(arena.alloc(90)).toBe(10);
    arena.free(10);
    arena.free(0);
    expect(shape(arena)).toBe("-0:100");
    // An aligned range out of the middle needs two.
    expect(arena.alloc(10, 16)).toBe(0);
    arena.free(0);
    expect(arena.alloc(10, 100)).toBe(0);
    arena.free(0);
    const odd = makeArena(2).arena;
    odd.addSpan(1, 100);
    expect(odd.alloc(10, 16)).toBe(NO_RANGE);
    expect(odd.unusedRecords).toBe(1);
    expect(odd.alloc(85, 16)).toBe(16);
    expect(findingsOf(odd)).toEqual([]);
  });

  it("come from a callback where there is one, and only when they are needed", () => {
    let tables = 0;
    const grow = (): boolean => {
      if (tables === 2) return false;
      arena.addTable(4096 * (tables + 1), tableBytes(3));
      tables++;
      return true;
    };
    const { arena } = makeArena(0, { grow });
    expect(arena.addSpan(0, 1000)).toBe(true);
    expect(arena.alloc(2000)).toBe(NO_RANGE);
    expect(tables).toBe(1);
    const starts = Array.from({ length: 7 }, () => arena.alloc(10));
    expect(starts).toEqual([0, 10, 20, 30, 40, NO_RANGE, NO_RANGE]);
    expect(tables).toBe(2);
    expect([...arena.tables()]).toEqual([8192, 4096]);
    expect(arena.unusedRecords).toBe(0);
    expect(findingsOf(arena)).toEqual([]);
  });

  it("are given up on when the callback says it added some and did not", () => {
    const { arena } = makeArena(1, { grow: () => true });
    arena.addSpan(0, 10);
    expect(arena.alloc(5)).toBe(NO_RANGE);
  });

  it("refuse tables that hold none or lie outside of the memory", () => {
    const { arena, memory } = makeArena(1);
    const refused = (address: number, bytes: number, text: string): void =>
      expectRefusal(memory, () => arena.addTable(address, bytes), "BAD_ARGUMENT", text);
    refused(4096, tableBytes(1) - 1, "no room");
    refused(4096, 0, "no room");
    for (const address of [0, -4, 4097, 2.5, Number.NaN]) refused(address, 64, "cannot lie at");
    refused(MEMORY_BYTES - 32, 64, "cannot lie at");
    refused(4096, -8, "cannot lie at");
    refused(4096, Number.NaN, "cannot lie at");
    expect(arena.addTable(4096, tableBytes(3) - 1)).toBe(2);
  });

  it("have words for the owner, clear at first and kept until the range is freed", () => {
    const { arena, memory } = makeArena(10, { ownerWords: 3 });
    arena.addSpan(0, 100);
    const first = arena.alloc(10);
    const second = arena.alloc(10);
    const word = arena.ownerWord(second);
    memory.words.fill(-1, word, word + 3);
    memory.words.fill(7, arena.ownerWord(first), arena.ownerWord(first) + 3);
    arena.free(first);
    expect(arena.ownerWord(first)).toBe(0);
    expect(arena.ownerWord(second + 1)).toBe(0);
    expect(arena.ownerWord(second)).toBe(word);
    expect(arena.lookup(second + 5)?.ownerWord).toBe(word);
    expect([...memory.words.subarray(word, word + 3)]).toEqual([-1, -1, -1]);
    expect(arena.alloc(10)).toBe(first);
    const again = arena.ownerWord(first);
    expect([...memory.words.subarray(again, again + 3)]).toEqual([0, 0, 0]);
    expect(findingsOf(arena)).toEqual([]);
  });
});

describe("an arena", () => {
  it("finds the range around an integer", () => {
    const { arena } = arenaOf(10, 30);
    arena.alloc(10);
    expect(arena.lookup(10)).toMatchObject({ start: 10, size: 10, isFree: false });
    expect(arena.lookup(19.5)).toMatchObject({ start: 10 });
    expect(arena.lookup(20)).toMatchObject({ start: 20, size: 20, isFree: true });
    for (const value of [9, 40, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(arena.lookup(value)).toBeUndefined();
  });

  it("is the same from every object over its bytes", () => {
    const { arena, memory } = arenaOf(0, 100);
    arena.alloc(10);
    const other = Vmem.attach(memory, HEADER_ADDRESS);
    expect(other.alloc(10)).toBe(10);
    arena.free(0);
    expect(shape(other)).toBe("-0:10 +10:10 -20:80");
    const copy = Vmem.attach(new LinearMemory(memory.bytes.slice().buffer), HEADER_ADDRESS);
    expect(copy.alloc(5)).toBe(0);
    expect(shape(arena)).toBe("-0:10 +10:10 -20:80");
  });

  it("is refused where there can be none and not found where there is none", () => {
    const memory = new LinearMemory(new ArrayBuffer(256));
    for (const address of [-4, 2, 256 - ARENA_HEADER_BYTES + 4, Number.NaN]) {
      expectRefusal(memory, () => Vmem.create(memory, address), "BAD_ARGUMENT", "header cannot lie");
      expectRefusal(memory, () => Vmem.attach(memory, address), "BAD_ARGUMENT", "header cannot lie");
    }
    for (const ownerWords of [-1, 1.5, 257]) {
      expectRefusal(memory, () => Vmem.create(memory, 0, { ownerWords }), "BAD_ARGUMENT", `not ${ownerWords}`);
    }
    expectRefusal(memory, () => Vmem.attach(memory, 0), "NOT_A_HEAP", "no arena");
  });

  it("keeps a shallow tree over many ranges made in order", () => {
    const memory = new LinearMemory(new ArrayBuffer(1 << 23));
    const arena = Vmem.create(memory, 0);
    arena.addTable(ARENA_HEADER_BYTES, 1 << 22);
    arena.addSpan(0, 1_000_000);
    const starts = Array.from({ length: 100_000 }, () => arena.alloc(2));
    expect(starts.every((start, index) => start === index * 2)).toBe(true);
    const depth = (node: number): number =>
      node === NO_RECORD
        ? 0
        : 1 + Math.max(depth(memory.words[node + SegmentRecord.LEFT]), depth(memory.words[node + SegmentRecord.RIGHT]));
    expect(depth(memory.words[ArenaHeader.ROOT])).toBeLessThan(60);
    for (let index = 0; index < starts.length; index += 2) arena.free(index * 2);
    expect(arena.alloc(3)).toBe(200_000);
    expect(arena.alloc(2)).toBe(0);
    for (let index = 1; index < starts.length; index += 2) arena.free(index * 2);
    expect(findingsOf(arena)).toEqual([]);
    expect(arena.longestFree).toBe(1_000_000 - 200_003);
  });
});
