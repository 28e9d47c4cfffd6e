import { liveBlocks } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { RunKind } from "../pages/layout.ts";
import { DebugBlocks } from "./debug-blocks.ts";
import { GUARD_BYTES } from "./layout.ts";
import { isPlausible, type Located, objectAddress } from "./locate-object.ts";
import { hasRecord, isUnfinished } from "./record.ts";

/** The largest object that gets a guarded place: a page, as in KFENCE. */
export const GUARDED_MAX_BYTES: number = PAGE_SIZE;

/** Bytes of the run of pages that a guarded object takes: at least GUARD_BYTES on either side of it. */
export function guardedRunBytes(sizeBytes: number): number {
  const bytes = sizeBytes + GUARD_BYTES + DebugBlocks.overheadBytes(GUARD_BYTES);
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}

/**
 * Bytes from the start of the run to the object: as far left or as far right as it can stand, by turns, but never at
 * the start of a page, where blocks without a guard are.
 */
export function guardedPadBytes(sizeBytes: number, runBytes: number, isRight: boolean): number {
  const most = (runBytes - GUARD_BYTES - DebugBlocks.overheadBytes(0) - sizeBytes) & -16;
  const pad = isRight ? most : GUARD_BYTES;
  return (pad & PAGE_MASK) === 0 ? pad - GUARD_BYTES : pad;
}

/** The guarded object that an address lies in, or next to; undefined for every other address. Any number will do. */
export function guardedAt(layers: Layers, blocks: DebugBlocks, address: number): Located | undefined {
  const kind = layers.pages.frames.kind(address >>> PAGE_SHIFT);
  if (kind !== RunKind.LARGE_BLOCK && kind !== RunKind.LARGE_BLOCK + 1) return undefined;
  const located = blocks.locate(address);
  if (located === undefined || located.record.state === "damaged") return undefined;
  const { record, word } = located;
  // Of a record that is being changed nothing but these says that it is one.
  const isRecord = !isUnfinished(record) || (hasRecord(layers.memory.words, word) && isPlausible(located));
  return isRecord && record.padBytes >= GUARD_BYTES ? located : undefined;
}

/** All guarded objects, live and in quarantine. O(heap). */
export function* guardedObjects(layers: Layers, blocks: DebugBlocks): Generator<Located> {
  for (const { address, cache } of liveBlocks(layers)) {
    const located = cache === "pages" ? guardedAt(layers, blocks, address) : undefined;
    if (located !== undefined && (objectAddress(located) & PAGE_MASK) !== 0) yield located;
  }
}
