import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { Tag } from "./layout.ts";

/** Granules of the memory that a tag table covers, counted from the base. */
function granuleCount(geometry: Geometry): number {
  return (geometry.coveredEndFrame - geometry.baseFrame) << (PAGE_SHIFT - GRANULE_SHIFT);
}

/** A view of the tag table whose index is the granule counted from the base of the heap. */
export function tagView(memory: LinearMemory, geometry: Geometry): Uint8Array<ArrayBufferLike> {
  return new Uint8Array(memory.buffer, geometry.tagTable, granuleCount(geometry));
}

/** Index into `memory.bytes` of the tag of the granule at `address`, which lies in the managed memory. */
export function tagIndex(geometry: Geometry, address: number): number {
  return geometry.tagTable + ((address - (geometry.baseFrame << PAGE_SHIFT)) >>> GRANULE_SHIFT);
}

/** Marks the header's granule, which the bottom of every sheaf points to. */
export function createTags(memory: LinearMemory, geometry: Geometry): void {
  memory.bytes[geometry.tagTable] = Tag.RESERVED;
}
