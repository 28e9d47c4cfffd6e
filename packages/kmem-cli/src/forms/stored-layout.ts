/**
 * kmem's own trace files; docs/trace-format.md has them byte by byte. Everything is little endian.
 *
 *      ┌────────────┬─────────┬─────────┬── … ──┬─────────┬─────────┬────────┐
 *      │ file head  │ section │ section │       │ index   │ end     │ footer │
 *      └────────────┴─────────┴─────────┴── … ──┴─────────┴─────────┴────────┘
 *
 *      section = head (24 bytes), payload, which may be packed
 */

/** The first bytes of a file. No text begins so, and what changes the ends of lines damages it. */
export const FILE_MAGIC: Uint8Array = Uint8Array.of(0x89, 0x4b, 0x4d, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
export const FILE_VERSION = 1;
/** Byte offsets in the file's head. */
export const FILE_HEAD = { MAGIC: 0, VERSION: 8, BYTES: 16 } as const;

/** Byte offsets in a section's head. */
export const SECTION = {
  MARK: 0,
  TYPE: 4,
  PACKING: 5,
  PACKED_BYTES: 8,
  PLAIN_BYTES: 12,
  COUNT: 16,
  CHECKSUM: 20,
  BYTES: 24,
} as const;
/** The bytes "KMTS". */
export const SECTION_MARK = 0x53544d4b;

export const SECTION_TYPE = { EVENTS: 1, TABLES: 2, INDEX: 3, END: 4 } as const;
export const PACKING = { NONE: 0, DEFLATE: 1, ZSTD: 2 } as const;

/** No section is longer, packed or not: a reader refuses it before it makes room. */
export const SECTION_BYTES_MAX: number = 2 ** 24;
/** Events of one section. */
export const SECTION_EVENTS_MAX = 65_536;

/** Byte offsets in the payload of a section with events; the columns follow. */
export const EVENTS = {
  /** Number of the first event in the file, a double. */
  FIRST_EVENT: 0,
  /** Nanoseconds of the event before the first one, a double; what the first time is a difference to. */
  BASE_TIME: 8,
  /** Bytes and blocks that are live before the first event, doubles. */
  LIVE_BYTES: 16,
  LIVE_BLOCKS: 24,
  CLASS_COUNT: 32,
  LANE_COUNT: 36,
  /** Nanoseconds that a time counts in; 0 where the events have no times. */
  TIME_UNIT: 40,
  /** Lengths of the columns, in their order. */
  COLUMN_BYTES: 44,
  BYTES: 68,
} as const;
/** The columns of a section with events. */
export const COLUMN = { CLASSES: 0, LANES: 1, CLASS_LOW: 2, CLASS_HIGH: 3, LANE_RUNS: 4, SLOTS: 5 } as const;
/** The last column, which the times are, ends with the payload. */
export const STATED_COLUMNS = 6;

/** Operations besides those of OP: a page free after which pages of the block are still live. */
export const PAGE_FREE_PART = 11;

/** What an entry of a section with tables is. */
export const TABLE_ENTRY = { FRAME: 1, STACK: 2, THREAD: 3, CACHE: 4 } as const;

/** The end of a file. */
export const FOOTER = { INDEX_OFFSET: 0, MARK: 8, CHECKSUM: 12, BYTES: 16 } as const;
/** The bytes "KMTE". */
export const FOOTER_MARK = 0x45544d4b;
/** Bytes of an entry of the index: where the section begins, its first event, its base time; doubles. */
export const INDEX_ENTRY_BYTES = 24;

/** Limits of what a file may ask for. */
export const SLOTS_MAX: number = 2 ** 28;
export const NAME_BYTES_MAX = 4096;
export const PAGES_MAX: number = 2 ** 20;
