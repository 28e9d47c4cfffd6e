import { WORD_BYTES } from "../memory/layout.ts";
import { type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";
import { DebugRootMagic, KIND_COUNT } from "../pages/layout.ts";
/**
 * Debugged blocks.
 *
 * A block of a heap or a cache that is debugged is larger than what was asked for. What the user gets is `object`:
 *
 *      block                                                                            block + block bytes
 *      ▼                                                                                                  ▼
 *      ┌───────────────┬────────────────────────────┬──────────────────────────────────┬──────────────────┐
 *      │ left red zone │ object, of the size that   │ right red zone, at least         │ record           │
 *      │ bb or cc      │ was asked for              │ 8 bytes: bb or cc                │ 12 words         │
 *      └───────────────┴────────────────────────────┴──────────────────────────────────┴──────────────────┘
 *
 *      letter   left and right zone     object while it is free    what it is for
 *      F        –                       –                          the record's own consistency
 *      Z        cc live, bb free        –                          writes past either end
 *      P        –                       6b … 6b a5                 writes after the free; 5a in one never freed yet
 *      U        –                       –                          who allocated and who freed it, in the record
 *
 * The bytes are those of Linux's SLUB (include/linux/poison.h), and so are the names of the zones in reports.
 *
 * The record's STATE word says what the block is:
 *
 *      FRESH ──alloc──► CHANGING ──► LIVE ──free──► RELEASING ──► QUARANTINED ──► FREE ──alloc──► CHANGING …
 *                                    LIVE ──realloc──► RESIZING ──► LIVE
 *
 * The state in the middle is stored before anything else changes and the new one after everything has, so that a thread
 * which dies in between leaves a block of which nothing is expected. One of two threads that free the same block
 * exchanges its state, and the other finds it done.
 *
 * Whose a block is says its tag, as for every heap: the slot that allocated it, and from RELEASING on the one that
 * frees it, whose quarantine it then lies in. Between the two RELEASING names that slot, and RESIZING one that works on
 * an object which may be another's.
 */
export const DebugLetter = {
  /** Consistency checks of the record at each alloc and free. */
  F: 1,
  /** Red zones. */
  Z: 2,
  /** Poison. */
  P: 4,
  /** Who allocated, who freed: stacks, slots and times. */
  U: 8,
  /** Each alloc and free is printed. */
  T: 16,
  /** Fault injection may pick it. */
  A: 32,
} as const;

/** Beside the letters of a cache: its objects keep what their constructor made of them, and are not poisoned. */
export const CONSTRUCTED = 64;

/** What the letters stand for when none are given: all that finds something. */
export const DEFAULT_LETTERS: number = DebugLetter.F | DebugLetter.Z | DebugLetter.P | DebugLetter.U;

/** Bytes of poison and red zones: include/linux/poison.h of Linux. */
export const DebugByte = {
  /** An object that has never been allocated. */
  POISON_INUSE: 0x5a,
  /** The object while it is free. */
  POISON_FREE: 0x6b,
  /** Its last byte. */
  POISON_END: 0xa5,
  /** Red zones of a free block. */
  RED_INACTIVE: 0xbb,
  /** Red zones of a live one. */
  RED_ACTIVE: 0xcc,
} as const;

/** What a block is: values of the record's STATE. Each is far from the others in every byte. */
export const BlockState = {
  FRESH: 0x3c5a_0f01,
  LIVE: 0x5ac3_f102,
  QUARANTINED: 0x69a5_3c04,
  FREE: 0x1e96_c308,
  /** Is being made an object, or the block of a slab. */
  CHANGING: 0x7869_5a10,
  /** With the slot of the thread that does it in CHANGER_MASK. */
  RELEASING: 0x4b87_2d00,
  RESIZING: 0x2d1e_b480,
} as const;
/** The bits of RELEASING and RESIZING that hold a slot. */
export const CHANGER_MASK = 0x7f;

/** The words of a record. */
export const DEBUG_RECORD_FIELDS = {
  STATE: 1,
  /** Bytes that were asked for. */
  SIZE: 1,
  /** Bytes from the start of the block to the object. */
  PAD: 1,
  /** {@link DebugLetter}s, and from KIND_SHIFT on the number of the cache that the report names. */
  LETTERS: 1,
  /** Ids of stacks in the depot; 0 where none is known. */
  ALLOC_STACK: 1,
  FREE_STACK: 1,
  /** Milliseconds since the heap was made. */
  ALLOC_TIME: 1,
  FREE_TIME: 1,
  /** Slot that allocated, and from SLOT_SHIFT on the one that freed. */
  SLOTS: 1,
  /** Counts the slot's allocations. */
  SEQUENCE: 1,
  /** Constant: tells a record from other bytes. */
  MAGIC: 1,
  /** Over all words before it but STATE. */
  CHECK: 1,
} as const;
/** Word indexes in a record. */
export const RecordWord: Offsets<typeof DEBUG_RECORD_FIELDS> = /* @__PURE__ */ offsetsOf(DEBUG_RECORD_FIELDS);
/** Words in the record of an object. */
export const RECORD_WORDS: number = /* @__PURE__ */ wordsOf(DEBUG_RECORD_FIELDS, 2);
/** Bytes in the record of an object. */
export const RECORD_BYTES: number = RECORD_WORDS * 4;
/** Identifies a record, in its first word. */
export const RECORD_MAGIC = 0x4b64_6267;
/** Where the kind of the block's cache begins in its word of the record. */
export const KIND_SHIFT = 8;
/** The bits of the letters in their word of the record. */
export const LETTERS_MASK = 0xff;
/** Where the number of the slot begins in its word of the record. */
export const SLOT_SHIFT = 8;
/** The bits of a slot's number, once they are shifted down. */
export const SLOT_MASK = 0xff;

/** The least right red zone. */
export const RED_RIGHT_BYTES = 8;
/** The least left red zone: more where objects are aligned to more. */
export const RED_LEFT_BYTES = 16;

/** Red zone on each side of an object of a sampled heap, at least. */
export const GUARD_BYTES = 256;

/** Chains of the depot. */
export const ROOT_BUCKET_COUNT = 1024;
/** Bytes that the text of the letters may have. */
export const ROOT_TEXT_BYTES_MAX = 2048;

/**
 * The root of a debugged or sampled heap: a run of pages that no slot owns, found by its mark in the frame table.
 *
 *      word 0    MAGIC
 *      word 1    LOCK          of the depot
 *      word 2    CHUNK         address of the depot's pages that are being filled
 *      word 3    CHUNK_USED    bytes of them that are taken
 *      word 4    STACK_COUNT   stacks in the depot
 *      word 5    GUARDED       live objects of a sampled heap that have guarded places
 *      word 6    EPOCH         milliseconds since 1970 when the heap was made, a double
 *      word 64   LETTERS       a byte for each kind of frame: the letters of the cache's blocks
 *      word 128  BUCKETS       1024 words: the first stack of each chain of the depot
 *      word 1152 TEXT_BYTES    then the text in which the letters were asked for
 */
export const DEBUG_ROOT_FIELDS = {
  MAGIC: 1,
  LOCK: 1,
  CHUNK: 1,
  CHUNK_USED: 1,
  STACK_COUNT: 1,
  GUARDED: 1,
  EPOCH: 2,
  /** In a dump: when it was made, milliseconds since 1970, a double; 0 in a heap that lives. */
  DUMPED: { at: DebugRootMagic.DUMPED as number, words: 2 },
  LETTERS: { at: 64, words: (KIND_COUNT / WORD_BYTES) as number },
  BUCKETS: ROOT_BUCKET_COUNT as number,
  TEXT_BYTES: 1,
  TEXT: (ROOT_TEXT_BYTES_MAX / WORD_BYTES) as number,
} as const;
/** Word indexes in the root. */
export const RootWord: Offsets<typeof DEBUG_ROOT_FIELDS> = /* @__PURE__ */ offsetsOf(DEBUG_ROOT_FIELDS);

/** A stack in the depot: its text, UTF-8, follows the words. */
export const DEBUG_STACK_FIELDS = {
  /** Address of the next stack of the chain; 0 at its end. */
  NEXT: 1,
  HASH: 1,
  /** Bytes of the text. */
  LENGTH: 1,
  /** Allocations with this stack. */
  ALLOC_COUNT: 1,
  /** Bytes that they asked for, the low half and the high. */
  ALLOC_BYTES: 1,
  ALLOC_BYTES_HIGH: 1,
} as const;
/** Word indexes in a stack of the depot. */
export const StackWord: Offsets<typeof DEBUG_STACK_FIELDS> = /* @__PURE__ */ offsetsOf(DEBUG_STACK_FIELDS);
/** Bytes of the header of a stack in the depot. */
export const STACK_HEADER_BYTES: number = /* @__PURE__ */ wordsOf(DEBUG_STACK_FIELDS) * WORD_BYTES;
/** Pages that the depot takes at a time. */
export const DEPOT_CHUNK_PAGES = 4;
