import { describeValue } from "../memory/arguments.ts";
import type { FrameTable } from "./frames.ts";
import { FrameKind, RunKind, type RunKindValue } from "./layout.ts";

/** What a page between the heap's own is that it has not added itself. */
export const FOREIGN_PHRASE = "is not the heap's: the program, or another heap, has added it to the memory";

/** What a frame of a kind is, as the predicate of a sentence: why it cannot be freed as pages. */
export function kindPhrase(kind: number): string {
  if (kind === FrameKind.ABSENT) return "lies outside of the managed memory";
  if (kind === FrameKind.RESERVED) return "belongs to the header and the tables";
  if (kind === FrameKind.FREE_HEAD || kind === FrameKind.FREE_TAIL) return "is already free";
  if (kind >= FrameKind.FIRST_CACHE) return "belongs to a slab";
  if (kind === RunKind.LARGE_BLOCK || kind === RunKind.LARGE_BLOCK + 1) return "belongs to a block of the heap";
  if (kind === RunKind.SYSTEM || kind === RunKind.SYSTEM + 1) return "belongs to a slot";
  if (kind === RunKind.BUCKET || kind === RunKind.BUCKET + 1) return "belongs to a bucket";
  if (kind === RunKind.VMALLOC || kind === RunKind.VMALLOC + 1) return "belongs to vmalloc";
  if (kind === RunKind.CACHED || kind === RunKind.CACHED + 1) return "is already free, or just being freed";
  return "is the start of another allocation";
}

/** Why a stretch cannot be freed as pages of a kind, or undefined where it can. Reads only. */
export function reasonNotFreeable(
  frames: FrameTable,
  first: number,
  count: number,
  kind: RunKindValue,
): string | undefined {
  if (!(Number.isInteger(count) && count > 0)) return `${describeValue(count)} is not a number of pages`;
  for (let frame = first; frame < first + count; frame++) {
    const found = frames.kind(frame);
    if (found === kind + 1 || (found === kind && frame === first)) continue;
    const phrase = frames.isForeign(frame) ? FOREIGN_PHRASE : kindPhrase(found);
    return frame === first ? phrase : `page ${frame - first} of the stretch ${phrase}`;
  }
  return undefined;
}
