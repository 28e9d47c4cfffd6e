/**
 * What a program that is checked has in its memory besides its own: from the end of its static data on, page by page,
 *
 *   header · ring of calls · shadow of the whole memory · the heap, with a zone before each block
 *
 * A program that only notes its calls has neither the shadow nor the zones.
 *
 * The ring has the site of each call that has not returned, as the offset of the call in the original module. The
 * shadow says of every eight bytes what may be done with them.
 */

/** Bytes that one cell of the shadow is about. */
export const GRANULE_BYTES = 8;
export const GRANULE_SHIFT = 3;

/**
 * The header:
 *
 *   NEXT     where the next call is noted in the ring, in bytes from its start
 *   COVERED  the end of the memory that has cells, once the program has allocated; the heap lies after the last cell
 */
export const CheckHeader = { NEXT: 0, COVERED: 4 } as const;
export const CHECK_HEADER_BYTES = 4096;

/** The ring: a word a call. No engine's stack has as many frames. */
export const RING_BYTES = 262_144;
export const RING_MASK: number = RING_BYTES - 4;
export const SITE_BYTES = 4;
/** What stands in the ring where JavaScript has called the program. */
export const OUTSIDE_SITE = 0;

/**
 * The low byte of a cell. All eight bytes may be used at 0, the first so many at 1 to 7, and none from 0x80 on. What is
 * no part of the heap has 0: the stack, static data, pages that the program has added by itself.
 */
export const Cell = {
  OPEN: 0,
  /** Cells from here on have no byte that may be used. */
  CLOSED: 0x80,
  /** The zone before a block, with its record. */
  RECORD: 0xfa,
  /** What the block has more than was asked for. */
  AFTER: 0xfb,
  /** Pages and blocks of the heap that nobody has. */
  UNUSED: 0xfc,
  /** A block that was freed and waits in quarantine. */
  FREED: 0xfd,
  /** Tables: the heap's, and those of the check. */
  TABLES: 0xfe,
} as const;

/** The high byte of a cell, where reads of what was never written are to be found: a bit for each such byte. */
export const UNDEFINED_SHIFT = 8;
export const ALL_UNDEFINED = 0xff;

/** The record in the zone before a block: words. */
export const ZONE_BYTES = 16;
export const Record = {
  SIZE: 0,
  ALLOCATED_BY: 1,
  /** Of a live block the seal of the other words: the program may have overwritten them, which was told then. */
  FREED_BY: 2,
  /** The heap's block, which is a multiple of 16, with the state in its low bits. */
  BLOCK: 3,
} as const;
export const RecordState = { LIVE: 1, FREED: 2 } as const;
export const RECORD_STATE_MASK = 0xf;

const SEAL_FACTOR = 0x9e37_79b1;

/** What FREED_BY of a live block is, by its other words: no sum that zeros or copies of one word have. Unsigned. */
export function sealOf(sizeBytes: number, allocatedBy: number, block: number): number {
  const first = Math.imul(sizeBytes ^ SEAL_FACTOR, SEAL_FACTOR) ^ allocatedBy;
  return (Math.imul(first ^ (first >>> 15), SEAL_FACTOR) ^ block) >>> 0;
}

/**
 * What an access does, in the high bits of the number that says how many bytes it has. A load in a function that copies
 * may read what was never written.
 */
export const AccessKind = { LOAD: 0, STORE: 0x100, COPY: 0x200 } as const;
export const ACCESS_BYTES_MASK = 0xff;

/** What ranges are for: the operands of memory.copy, memory.fill and memory.init. */
export const RangeKind = { COPY: 0, FILL: 1, INIT: 2 } as const;
