import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { ARENA_TABLE_WORDS, ArenaHeader, ArenaTable, NO_RECORD, SegmentRecord, SegmentState } from "./layout.ts";

/** The tables of an arena and the list of records in them that are not in use. */
export class Records {
  readonly #memory: LinearMemory;
  readonly #header: number;
  /** Words of a record. */
  readonly recordWords: number;

  constructor(memory: LinearMemory, headerWord: number) {
    this.#memory = memory;
    this.#header = headerWord;
    this.recordWords = memory.words[headerWord + ArenaHeader.RECORD_WORDS];
  }

  get unusedCount(): number {
    return this.#memory.words[this.#header + ArenaHeader.UNUSED_COUNT];
  }

  /** Byte addresses of the tables, the newest first. */
  *tables(): Generator<number> {
    const { words } = this.#memory;
    let table = words[this.#header + ArenaHeader.TABLES] >>> 0;
    // Links of a damaged table lead anywhere, into a circle too.
    const seen = new Set<number>();
    while (table !== 0 && !seen.has(table)) {
      seen.add(table);
      // Read before the caller may give the table's memory to somebody else.
      const next = words[(table >>> WORD_SHIFT) + ArenaTable.NEXT_TABLE] >>> 0;
      yield table;
      table = next;
    }
  }

  /** Adds a table and returns how many records it holds. Throws BAD_ARGUMENT, with nothing changed. O(records). */
  add(address: number, sizeBytes: number): number {
    const { words } = this.#memory;
    const table = address >>> WORD_SHIFT;
    const recordCount = this.#fittingRecords(address, sizeBytes);
    words[table + ArenaTable.NEXT_TABLE] = words[this.#header + ArenaHeader.TABLES];
    words[table + ArenaTable.RECORD_COUNT] = recordCount;
    const first = table + ARENA_TABLE_WORDS;
    // From the last to the first, so that records are used in the order of their addresses.
    for (let index = recordCount - 1; index >= 0; index--) this.give(first + index * this.recordWords);
    words[this.#header + ArenaHeader.TABLES] = address;
    words[this.#header + ArenaHeader.RECORD_COUNT] += recordCount;
    return recordCount;
  }

  /** Takes an unused record, of which there must be one, and clears it. O(1). */
  take(): number {
    const { words } = this.#memory;
    const record = words[this.#header + ArenaHeader.UNUSED];
    if (ASSERTIONS) {
      assert(this.unusedCount > 0, "there is an unused record when one is taken");
      assert(record !== NO_RECORD, `${this.unusedCount} unused records are in their list`);
      assert(words[record + SegmentRecord.STATE] === SegmentState.UNUSED, `the record at word ${record} is unused`);
    }
    words[this.#header + ArenaHeader.UNUSED] = words[record + SegmentRecord.NEXT];
    words[this.#header + ArenaHeader.UNUSED_COUNT]--;
    words.fill(0, record, record + this.recordWords);
    return record;
  }

  /** Returns a record to the unused ones. O(1). */
  give(record: number): void {
    const { words } = this.#memory;
    const next = words[this.#header + ArenaHeader.UNUSED];
    words[record + SegmentRecord.STATE] = SegmentState.UNUSED;
    words[record + SegmentRecord.NEXT] = next;
    words[this.#header + ArenaHeader.UNUSED] = record;
    words[this.#header + ArenaHeader.UNUSED_COUNT]++;
  }

  #fittingRecords(address: number, sizeBytes: number): number {
    const isPlace = Number.isInteger(address) && address > 0 && address % WORD_BYTES === 0;
    const isInside = Number.isInteger(sizeBytes) && sizeBytes >= 0 && address + sizeBytes <= this.#memory.bytes.length;
    if (!isPlace || !isInside) {
      throw new KmemError(
        "BAD_ARGUMENT",
        `a table of ${sizeBytes} bytes cannot lie at ${address}: tables are words inside of the memory`,
        { address, sizeBytes },
      );
    }
    const recordCount = Math.floor(((sizeBytes >>> WORD_SHIFT) - ARENA_TABLE_WORDS) / this.recordWords);
    if (recordCount < 1) {
      throw new KmemError("BAD_ARGUMENT", `a table of ${sizeBytes} bytes has no room for a record`, { sizeBytes });
    }
    return recordCount;
  }
}
