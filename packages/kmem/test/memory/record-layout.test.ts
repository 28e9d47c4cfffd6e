import { describe, expect, it } from "vitest";
import { PoolWord } from "../../src/kmalloc/pool-layout.ts";
import * as layout from "../../src/layout.ts";
import { LINE_WORDS, offsetsOf, wordsOf } from "../../src/memory/record-layout.ts";

const WORD = layout.WORD_BYTES;

/** Every record that is laid out, with its bytes; of those whose end is the end of a page, the last field's first. */
const records: readonly (readonly [name: string, words: Readonly<Record<string, number>>, recordBytes: number])[] = [
  ["Header", layout.Header, layout.HEADER_WORDS * WORD],
  ["SlotRecord", layout.SlotRecord, layout.SLOT_RECORD_BYTES],
  ["FrameRecord", layout.FrameRecord, layout.FRAME_RECORD_BYTES],
  ["ZoneRecord", layout.ZoneRecord, layout.ZONE_RECORD_WORDS * WORD],
  ["CacheRecord", layout.CacheRecord, layout.CACHE_RECORD_WORDS * WORD],
  ["AreaWord", layout.AreaWord, layout.FIRST_SHEAF_WORD * WORD],
  ["BucketWord", layout.BucketWord, (layout.BucketWord.BITMAP + 1) * WORD],
  ["StateWord", layout.StateWord, (layout.StateWord.HEADS + layout.POOL_COUNT * layout.LISTS_PER_POOL) * WORD],
  ["LockWord", layout.LockWord, layout.LOCK_WORDS * WORD],
  ["DescriptorWord", layout.DescriptorWord, layout.DESCRIPTOR_BYTES],
  ["RegionHeader", layout.RegionHeader, layout.REGION_HEADER_BYTES],
  ["Chunk", layout.Chunk, layout.CHUNK_HEADER_BYTES],
  ["ArenaHeader", layout.ArenaHeader, layout.ARENA_HEADER_BYTES],
  ["ArenaTable", layout.ArenaTable, layout.ARENA_TABLE_WORDS * WORD],
  ["SegmentRecord", layout.SegmentRecord, layout.SEGMENT_WORDS * WORD],
  ["VmallocRoot", layout.VmallocRoot, layout.ARENA_OFFSET],
  ["VmAreaRecord", layout.VmAreaRecord, layout.VM_AREA_WORDS * WORD],
  ["TraceHeader", layout.TraceHeader, layout.TRACE_HEADER_WORDS * WORD],
  ["TraceWord", layout.TraceWord, WORD << layout.TRACE_EVENT_SHIFT],
  ["CallLogWord", layout.CallLogWord, layout.CALL_LOG_HEADER_WORDS * WORD],
  ["CallWord", layout.CallWord, WORD << layout.CALL_SHIFT],
  ["RecordWord", layout.RecordWord, layout.RECORD_BYTES],
  ["RootWord", layout.RootWord, layout.RootWord.TEXT * WORD + layout.ROOT_TEXT_BYTES_MAX],
  ["StackWord", layout.StackWord, layout.STACK_HEADER_BYTES],
  ["PoolWord", PoolWord, layout.WORD_BYTES * 8],
];

/** A row for each field: its name, its first byte in the record, and the bytes up to the next field. */
function tableOf([name, words, recordBytes]: (typeof records)[number]): string {
  const fields = Object.entries(words).sort((a, b) => a[1] - b[1]);
  const rows = fields.map(([field, word]) => {
    const next = fields.find(([, other]) => other > word)?.[1] ?? recordBytes / WORD;
    return `  ${field.padEnd(20)}${String(word * WORD).padStart(6)}${String((next - word) * WORD).padStart(6)}`;
  });
  return [`${name}, ${recordBytes} bytes`, `  ${"field".padEnd(20)}offset bytes`, ...rows, ""].join("\n");
}

describe("the layouts of records", () => {
  it("are as the table beside this test says", async () => {
    await expect(records.map(tableOf).join("\n")).toMatchFileSnapshot("record-layouts.txt");
  });

  it("give every lock of the header a cache line of its own", () => {
    const locks = Object.entries(layout.Header).filter(([name]) => name.endsWith("_LOCK"));
    const others = Object.values(layout.Header).filter((word) => !locks.some(([, lock]) => lock === word));
    const line = (word: number): number => Math.floor(word / LINE_WORDS);
    expect(locks.length).toBe(6);
    expect(new Set(locks.map(([, word]) => line(word))).size).toBe(locks.length);
    for (const [name, word] of locks) expect(others.map(line), name).not.toContain(line(word));
  });

  it("agree on the words of a trace ring that the pages below know", () => {
    expect(layout.RingWord).toEqual({ MAGIC: layout.TraceHeader.MAGIC, MAKER: layout.TraceHeader.MAKER });
  });

  it("have no mark twice, and none that is an owner", () => {
    const marks = Object.values(layout.OwnerMark);
    expect(new Set(marks).size).toBe(marks.length);
    for (const mark of marks) {
      expect(mark).toBeLessThan(0);
      expect((mark & ~layout.RunOwner.LOW_MASK) === layout.RunOwner.OWNER_BIT).toBe(false);
    }
  });
});

describe("a table of fields", () => {
  it("is laid out in its order", () => {
    expect(offsetsOf({ A: 1, B: 3, C: 1 })).toEqual({ A: 0, B: 1, C: 4 });
    expect(wordsOf({ A: 1, B: 3, C: 1 })).toBe(5);
    expect(wordsOf({ A: 1, B: 3, C: 1 }, 4)).toBe(8);
    expect(wordsOf({})).toBe(0);
  });

  it("has fields at the next cache line, at a word, and in the place of others", () => {
    const fields = { A: 1, LOCK: { line: 1 }, B: 2, C: { at: 40, words: 4 }, D: { over: "B" }, E: 1 } as const;
    expect(offsetsOf(fields)).toEqual({ A: 0, LOCK: 16, B: 17, C: 40, D: 17, E: 44 });
    expect(wordsOf(fields, LINE_WORDS)).toBe(48);
  });

  it("is refused where it cannot be laid out", () => {
    expect(() => offsetsOf({ A: 4, B: { at: 3, words: 1 } })).toThrow("begins before the last one's end");
    expect(() => offsetsOf({ A: { over: "B" }, B: 1 })).toThrow("no field B");
  });
});
