import { ADDRESS_SPACE_BYTES, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { type Offsets, offsetsOf, wordsOf } from "../memory/record-layout.ts";
import { RunKind, type RunKindValue } from "../pages/layout.ts";
import { ARENA_HEADER_BYTES } from "../vmem/layout.ts";

/**
 * Virtual memory: addresses of its own, mapped page by page to frames of the buffer.
 *
 * A virtual address is a number from VMALLOC_START = 2^32 on, exact as a double, and so never a byte offset in the
 * buffer, which ends below 2^32. It must not go through `>>> 0` or `| 0`, which would make one of it.
 *
 *      virtual address - VMALLOC_START
 *      ┌──────────────────┬──────────────────┬─────────────────┐
 *      │ directory index  │ table index      │ offset in page  │
 *      │ up to 12 bits    │ 10 bits          │ 12 bits         │
 *      └────────┬─────────┴────────┬─────────┴─────────────────┘
 *               ▼                  │
 *      directory (1 to 4 pages)    ▼
 *      ┌─────────────────────┐    page table (a page)
 *      │ address of a table  │    ┌──────────────────────┐     frame
 *      │ + entries in use    ├───►│ address of a frame   │    ┌──────────────────────┐
 *      │ 0: no table         │    │ + PAGE_PRESENT       ├───►│ 4096 bytes           │
 *      └─────────────────────┘    │ 0: not mapped        │    └──────────────────────┘
 *                                 └──────────────────────┘
 *
 * An area is a range of virtual pages: those that are mapped and one guard page after them that never is.
 *
 *      ┌────────┬────────┬────────┬╌╌╌╌╌╌╌╌┬────────┬╌╌╌╌╌╌╌╌┐
 *      │ page   │ page   │ page   │ guard  │ page   │ guard  │
 *      └────────┴────────┴────────┴╌╌╌╌╌╌╌╌┴────────┴╌╌╌╌╌╌╌╌┘
 *      ◄─────────── area of 3 pages ───────►◄── area of 1 ───►
 *
 * The root page holds the words below, the header of the arena that hands out virtual pages (numbered from 0 at
 * VMALLOC_START), and that arena's first table. An *anchor*, a word that the caller provides, holds its address. Its
 * run carries OwnerMark.VMALLOC_ROOT in the frame table, in place of an owner.
 *
 * What a thread that died under the lock leaves is told apart by the order of stores:
 *
 *      root   formatted, mark, anchor; back: anchor, mark. What no anchor names is no root.
 *      area   range in the arena, entries, record with KIND; back: KIND, entries, range. While KIND is 0: no area.
 *      run    taken, then named by entries, the directory or the list of tables; back the other way round. A run of
 *             VMALLOC_RUN whose first page nothing names is free.
 */

/** The first virtual address. */
export const VMALLOC_START: number = ADDRESS_SPACE_BYTES;

/** log2 of the entries in a page table. */
export const PAGE_TABLE_SHIFT: number = PAGE_SHIFT - WORD_SHIFT;
/** Entries in a page table or in a page of the directory. */
export const PAGE_TABLE_ENTRIES: number = 1 << PAGE_TABLE_SHIFT;
/** Bits of a virtual page number that choose the entry of its table. */
export const PAGE_TABLE_MASK: number = PAGE_TABLE_ENTRIES - 1;
/** Virtual bytes that one page of the directory covers: 4 GiB. */
export const DIRECTORY_PAGE_BYTES: number = PAGE_SIZE * PAGE_TABLE_ENTRIES * PAGE_TABLE_ENTRIES;
/**
 * Virtual bytes for each byte that the memory may reach: an area of one page takes two, and as much again is left for
 * what lies scattered and for frames that are mapped more than once.
 */
export const VIRTUAL_PER_REAL = 4;

/** In an entry of a page table, beside the address of the frame. */
export const PAGE_PRESENT = 1;

/** "KVML" in the order of the bytes in memory. */
export const VMALLOC_MAGIC = 0x4c4d564b;

/** Word indexes in the root page. */
export const VMALLOC_ROOT_FIELDS = {
  MAGIC: 1,
  /** Address of the directory and how many pages it has; both never change. */
  DIRECTORY: 1,
  DIRECTORY_PAGES: 1,
  /** Entries in use in all page tables. */
  MAPPED_PAGES: 1,
  /** Page tables that exist. */
  TABLE_PAGES: 1,
  /** Pages that hold records of the arena, the root page not counted. */
  RECORD_PAGES: 1,
  /** Areas of both kinds. */
  AREA_COUNT: 1,
  /** Address of the anchor. */
  ANCHOR: 1,
} as const;
/** Word indexes in the root page. */
export const VmallocRoot: Offsets<typeof VMALLOC_ROOT_FIELDS> = /* @__PURE__ */ offsetsOf(VMALLOC_ROOT_FIELDS);
/** Bytes from the start of the root page to the header of its arena. */
export const ARENA_OFFSET: number = /* @__PURE__ */ wordsOf(VMALLOC_ROOT_FIELDS, 2) * WORD_BYTES;
/** Bytes from the start of the root page to the arena's first table. */
export const ARENA_RECORDS_OFFSET: number = ARENA_OFFSET + ARENA_HEADER_BYTES;

/** What an area is: its value in VmAreaRecord.KIND. */
export const VmAreaKind = {
  /** The area is just being made, or taken back. */
  NONE: 0,
  VMALLOC: 1,
  VMAP: 2,
} as const;
/** A value of {@link VmAreaKind}. */
export type VmAreaKindValue = (typeof VmAreaKind)[keyof typeof VmAreaKind];

/** The longest name of a caller that is kept. */
export const CALLER_BYTES = 84;
/** The owner's words in the arena's record of an area. */
export const VM_AREA_FIELDS = {
  /** A {@link VmAreaKind} in the low bits; above them whose the area is, so that one store says both. */
  KIND: 1,
  /** Pages that are mapped; the guard page comes on top. */
  PAGE_COUNT: 1,
  /** Bytes that were asked for, from 1 to 2^32 - 1. */
  ASKED_BYTES: 1,
  /** Name of who asked, in ASCII, filled up with zeros. */
  CALLER: (CALLER_BYTES / WORD_BYTES) as number,
} as const;
/** The owner's words in the arena's record of an area. */
export const VmAreaRecord: Offsets<typeof VM_AREA_FIELDS> = /* @__PURE__ */ offsetsOf(VM_AREA_FIELDS);
/** Bits of KIND that say what an area is. */
export const AREA_KIND_MASK = 0xff;
/** Bits of KIND below the slot + 1 of the thread that asked for the area; 0 where nobody knows. */
export const AREA_SLOT_SHIFT = 8;
/** Words of an area in the arena's record, which makes it 128 bytes long. */
export const VM_AREA_WORDS: number = /* @__PURE__ */ wordsOf(VM_AREA_FIELDS);

/** Pages of the longest run that an area takes its frames in: 1 MiB. */
export const AREA_RUN_PAGES = 256;

/** Whose runs the tables and the frames of areas are in the page allocator's books. */
export const VMALLOC_RUN: RunKindValue = RunKind.VMALLOC;
