import { describeValue } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { ARENA_HEADER_BYTES, ARENA_MAGIC, ArenaHeader, NO_RECORD, SegmentRecord, SegmentState } from "./layout.ts";

/** A stretch of an arena, free or allocated. */
export interface Range {
  readonly start: number;
  readonly size: number;
  readonly isFree: boolean;
  /** Index in `memory.words` of the words that belong to the owner of the range. */
  readonly ownerWord: number;
}

// These stand apart from the arena itself, since recovery only looks at ranges: a program that never allocates any need
// not load what does.

/** Throws BAD_ARGUMENT where no arena's header can lie. */
export function requirePlace(memory: LinearMemory, address: number): void {
  const isPlace = Number.isInteger(address) && address >= 0 && address % WORD_BYTES === 0;
  if (isPlace && address + ARENA_HEADER_BYTES <= memory.bytes.length) return;
  throw new KmemError("BAD_ARGUMENT", `an arena's header cannot lie at ${describeValue(address)}`, { address });
}

/** Throws BAD_ARGUMENT or NOT_A_HEAP unless an arena's header lies at this address. O(1). */
export function requireArena(memory: LinearMemory, headerAddress: number): void {
  requirePlace(memory, headerAddress);
  if (memory.words[(headerAddress >>> WORD_SHIFT) + ArenaHeader.MAGIC] === ARENA_MAGIC) return;
  throw new KmemError("NOT_A_HEAP", `there is no arena at ${headerAddress}`, { address: headerAddress });
}

/** The range of a record, by the record's index in `memory.words`. */
export function rangeOf({ words }: LinearMemory, record: number): Range {
  return {
    start: words[record + SegmentRecord.START] >>> 0,
    size: words[record + SegmentRecord.SIZE] >>> 0,
    isFree: (words[record + SegmentRecord.STATE] & SegmentState.FREE) !== 0,
    ownerWord: record + SegmentRecord.OWNER,
  };
}

/**
 * All segments of the arena with this header, in the order of their starts. Do not change it while iterating. Throws
 * CORRUPTION where the next segment does not start after the one before: a damaged list may have no end.
 */
export function* rangesOf(memory: LinearMemory, headerAddress: number): Generator<Range> {
  let record = memory.words[(headerAddress >>> WORD_SHIFT) + ArenaHeader.FIRST];
  let before = -1;
  while (record !== NO_RECORD) {
    const range = rangeOf(memory, record);
    if (range.start <= before) {
      const text = `the segments of the arena at ${headerAddress} are not in their order`;
      throw new KmemError("CORRUPTION", text, { address: headerAddress, record });
    }
    before = range.start;
    yield range;
    record = memory.words[record + SegmentRecord.NEXT];
  }
}
