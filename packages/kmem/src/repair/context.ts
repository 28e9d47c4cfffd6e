import type { CoreLayers } from "../kmalloc/layers.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { isLive, Tag } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import type { RepairLog } from "./log.ts";
import type { TrustedFrames } from "./trusted-frames.ts";

/** What a repair works on. */
export interface RepairContext {
  readonly layers: CoreLayers;
  readonly trusted: TrustedFrames;
  readonly pagesLog: RepairLog;
  readonly slabLog: RepairLog;
  readonly kmallocLog: RepairLog;
}

/** The tags of a page's granules. */
export function tagsOf({ memory, geometry }: CoreLayers, frame: number): Uint8Array {
  return memory.bytes.subarray(tagIndex(geometry, frame * PAGE_SIZE), tagIndex(geometry, (frame + 1) * PAGE_SIZE));
}

/** Whether a block, free or live, starts anywhere on a page. */
export function isTagged(layers: CoreLayers, frame: number): boolean {
  return tagsOf(layers, frame).some((tag) => tag !== Tag.NONE);
}

/** Whether a live block starts with a page. */
export function startsLive({ memory, geometry }: CoreLayers, frame: number): boolean {
  return isLive(memory.bytes[tagIndex(geometry, frame * PAGE_SIZE)]);
}
