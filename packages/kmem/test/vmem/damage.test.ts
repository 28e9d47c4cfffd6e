import { describe, expect, it } from "vitest";
import { LinearMemory } from "../../src/memory/memory.ts";
import {
  ARENA_HEADER_BYTES,
  ARENA_TABLE_WORDS,
  ArenaHeader,
  ArenaTable,
  NO_RECORD,
  SEGMENT_WORDS,
  SegmentRecord,
  SegmentState,
} from "../../src/vmem/layout.ts";
import { Vmem } from "../../src/vmem/vmem.ts";
import { Random } from "../support/random.ts";

const TABLE_WORD = ARENA_HEADER_BYTES / 4;
const MEMORY_BYTES = 8192;

/** An arena with ranges, gaps and two spans, and its words to damage. */
function subject(): { words: Int32Array; findings: () => string[]; record: (start: number) => number } {
  const memory = new LinearMemory(new ArrayBuffer(MEMORY_BYTES));
  const arena = Vmem.create(memory, 0);
  arena.addTable(ARENA_HEADER_BYTES, 2000);
  arena.addTable(4096, 500);
  arena.addSpan(0, 1000);
  arena.addSpan(2000, 100);
  for (let count = 0; count < 20; count++) arena.alloc(10);
  for (const start of [20, 60, 70, 150]) arena.free(start);
  const findings = (): string[] => {
    const problems: string[] = [];
    arena.check((_address, problem) => problems.push(problem));
    return problems;
  };
  const record = (start: number): number => (arena.lookup(start)?.ownerWord ?? 0) - SegmentRecord.OWNER;
  return { words: memory.words as Int32Array, findings, record };
}

describe("the check of an arena", () => {
  it("finds nothing in a sound one", () => {
    expect(subject().findings()).toEqual([]);
  });

  it.each([
    ["the magic", ArenaHeader.MAGIC, 0, "no arena"],
    ["the size of records", ArenaHeader.RECORD_WORDS, 7, "cannot have 7 words"],
    ["the size of records, too large", ArenaHeader.RECORD_WORDS, 1 << 20, "cannot have"],
    ["the link to the tables", ArenaHeader.TABLES, 3, "leads to none"],
    ["the count of records", ArenaHeader.RECORD_COUNT, 1000, "the count says 1000"],
    ["the head of the list", ArenaHeader.FIRST, 5, "leads to 5"],
    ["the root", ArenaHeader.ROOT, 5, "the tree leads to 5"],
    ["the root, none", ArenaHeader.ROOT, NO_RECORD, "the tree has 0 segments"],
    ["the units in spans", ArenaHeader.TOTAL_UNITS, 1, "the count says 1"],
    ["the free units", ArenaHeader.FREE_UNITS, 1, "the count says 1"],
    ["the count of spans", ArenaHeader.SPAN_COUNT, 3, "2 segments start a span"],
    ["the list of unused records", ArenaHeader.UNUSED, 5, "the list of unused records leads to 5"],
    ["the count of unused records", ArenaHeader.UNUSED_COUNT, 1, "not 1"],
  ])("finds damage to %s", (_what, field, value, text) => {
    const { words, findings } = subject();
    words[field] = value;
    expect(findings().join("\n")).toContain(text);
  });

  it.each([
    ["a start", SegmentRecord.START, 95, "overlaps"],
    ["a start, farther", SegmentRecord.START, 105, "has no segment"],
    ["a size", SegmentRecord.SIZE, 0, "has 0 units"],
    ["a state", SegmentRecord.STATE, 0, "has the state 0"],
    ["a state with both", SegmentRecord.STATE, SegmentState.FREE | SegmentState.ALLOCATED, "has the state 3"],
    ["a link back", SegmentRecord.PREV, 0, "link back"],
    ["a link", SegmentRecord.NEXT, 0, "the tree has"],
    ["a left child", SegmentRecord.LEFT, 3, "the tree leads to 3"],
    ["a right child", SegmentRecord.RIGHT, 3, "the tree leads to 3"],
    ["a longest free segment", SegmentRecord.LONGEST_FREE, 12345, "says 12345"],
  ])("finds damage to %s", (_what, field, value, text) => {
    const { words, findings, record } = subject();
    words[record(100) + field] = value;
    expect(findings().join("\n")).toContain(text);
  });

  it("finds free neighbours that are not merged", () => {
    const { words, findings, record } = subject();
    words[record(160) + SegmentRecord.STATE] = SegmentState.FREE;
    expect(findings().join("\n")).toContain("from 160 on is not merged");
  });

  it("finds a first segment that starts no span", () => {
    const { words, findings } = subject();
    words[words[ArenaHeader.FIRST] + SegmentRecord.STATE] = SegmentState.ALLOCATED;
    expect(findings().join("\n")).toContain("starts no span");
  });

  it("finds circles in the list, the tree and the unused records", () => {
    for (const field of [SegmentRecord.NEXT, SegmentRecord.LEFT, SegmentRecord.RIGHT]) {
      const { words, findings, record } = subject();
      words[record(2000) + field] = record(0);
      expect(findings().join("\n")).toMatch(/which is no record or stands|no record or one it has already/);
    }
    const { words, findings } = subject();
    words[words[ArenaHeader.UNUSED] + SegmentRecord.NEXT] = words[ArenaHeader.UNUSED];
    expect(findings().join("\n")).toContain("unused records");
  });

  it("finds a tree that is no heap", () => {
    const { words, findings } = subject();
    // Turn the tree around its root: the order stays, the priorities no longer fit.
    const root = words[ArenaHeader.ROOT];
    const left = words[root + SegmentRecord.LEFT];
    words[root + SegmentRecord.LEFT] = words[left + SegmentRecord.RIGHT];
    words[left + SegmentRecord.RIGHT] = root;
    words[ArenaHeader.ROOT] = left;
    expect(findings().join("\n")).toContain("of lower priority");
  });

  it("finds tables that are damaged", () => {
    for (const [field, value] of [
      [ArenaTable.RECORD_COUNT, -1],
      [ArenaTable.RECORD_COUNT, 10_000],
      [ArenaTable.NEXT_TABLE, 6],
      [ArenaTable.NEXT_TABLE, -4],
    ] as const) {
      const { words, findings } = subject();
      words[words[ArenaHeader.TABLES] / 4 + field] = value;
      expect(findings().join("\n")).toMatch(/leads to none|the count says/);
    }
  });

  it("finds tables in a circle, whatever the count says", () => {
    const { words, findings } = subject();
    words[words[ArenaHeader.TABLES] / 4 + ArenaTable.NEXT_TABLE] = words[ArenaHeader.TABLES];
    words[ArenaHeader.RECORD_COUNT] = 1 << 30;
    expect(findings().join("\n")).toContain("leads to none");
  });

  it("finds any change of any word of the header, the tables and the records in use, and ends", () => {
    const random = new Random(11);
    const { words } = subject();
    const used = new Set<number>([...Array(ArenaHeader.SPAN_COUNT + 1).keys()]);
    for (let record = words[ArenaHeader.FIRST]; record !== NO_RECORD; record = words[record + SegmentRecord.NEXT]) {
      for (let field = 0; field < SEGMENT_WORDS; field++) used.add(record + field);
      // Where a span begins is known from nothing else.
      if ((words[record + SegmentRecord.STATE] & SegmentState.SPAN_START) !== 0)
        used.delete(record + SegmentRecord.START);
    }
    for (const table of [TABLE_WORD, 1024]) {
      for (let field = 0; field < ARENA_TABLE_WORDS; field++) used.add(table + field);
    }
    expect(used.size).toBeGreaterThan(150);
    for (const word of used) {
      for (let turn = 0; turn < 8; turn++) {
        const { words: damaged, findings } = subject();
        const old = damaged[word];
        damaged[word] = turn === 0 ? 0 : turn === 1 ? old ^ (1 << random.below(32)) : random.below(2 ** 32);
        if (damaged[word] !== old) expect(findings(), `word ${word}, ${old} → ${damaged[word]}`).not.toEqual([]);
      }
    }
  });

  it("ends on random bytes", () => {
    const random = new Random(5);
    for (let turn = 0; turn < 300; turn++) {
      const { words, findings } = subject();
      for (let count = 0; count < 40; count++) words[1 + random.below(words.length - 1)] = random.below(600) - 8;
      expect(Array.isArray(findings())).toBe(true);
    }
  });
});
