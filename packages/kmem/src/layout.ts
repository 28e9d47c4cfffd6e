/**
 * Every layout of the library in one place, for tools that read dumps: offsets, word formats, states.
 *
 * @module kmem/layout
 */
import { requireWhole } from "./memory/arguments.ts";
import { groupTableBytes as groupTableBytesOf } from "./pages/layout.ts";
import { layoutFor, type TableLayout } from "./pages/moving-tables.ts";
import { isCached as isTagInSheaf, isLive as isTagLive } from "./slab/layout.ts";
import { classBytes as bytesOfClass, CLASS_COUNT } from "./slab/size-classes.ts";

export * from "./bucket/layout.ts";
export * from "./cluster/layout.ts";
export * from "./debug/layout.ts";
export * from "./memory/layout.ts";
export type { Field, Fields, Offsets } from "./memory/record-layout.ts";
export * from "./nodes/layout.ts";
export * from "./pages/layout.ts";
export type { TableLayout } from "./pages/moving-tables.ts";
export * from "./region/layout.ts";
export * from "./slab/layout.ts";
export { CLASS_COUNT, MAX_CLASS_BYTES } from "./slab/size-classes.ts";
export * from "./sync/layout.ts";
export * from "./trace/layout.ts";
export * from "./vmalloc/layout.ts";
export * from "./vmem/layout.ts";

const BYTE_MAX = 0xff;
/** One past the last frame that there can be. */
const FRAME_LIMIT: number = 2 ** 20;

/** Bytes of a block of the size class with that number, from 0. Throws BAD_ARGUMENT for what is no such number. */
export function classBytes(index: number): number {
  requireWhole("index", index, 0, CLASS_COUNT - 1);
  return bytesOfClass(index);
}

/** Bytes of the group table of the frames from `first` up to `end`. Throws BAD_ARGUMENT. */
export function groupTableBytes(first: number, end: number): number {
  requireWhole("first", first, 0, FRAME_LIMIT);
  requireWhole("end", end, first, FRAME_LIMIT);
  return groupTableBytesOf(first, end);
}

/**
 * Where tables that move stand in their run of pages; they describe the frames from `baseFrame` up to
 * `coveredEndFrame`. Which frame the run begins with, and up to which it goes, stands in the header: in the entry of
 * TABLE_LOCATIONS that the lowest bit of TABLE_MOVES names. Throws BAD_ARGUMENT.
 */
export function tableLayout(baseFrame: number, coveredEndFrame: number): TableLayout {
  requireWhole("baseFrame", baseFrame, 0, FRAME_LIMIT);
  requireWhole("coveredEndFrame", coveredEndFrame, baseFrame + 1, FRAME_LIMIT);
  return layoutFor(baseFrame, coveredEndFrame);
}

/** Whether a tag is that of a live block. Throws BAD_ARGUMENT for what is no byte. */
export function isLive(tag: number): boolean {
  requireWhole("tag", tag, 0, BYTE_MAX);
  return isTagLive(tag);
}

/** Whether a tag is that of a free block in a sheaf. Throws BAD_ARGUMENT for what is no byte. */
export function isCached(tag: number): boolean {
  requireWhole("tag", tag, 0, BYTE_MAX);
  return isTagInSheaf(tag);
}
