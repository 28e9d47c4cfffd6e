import { hex, KmemError } from "../memory/errors.ts";
import { type Extent, planGeometry, requireByteOffset } from "../memory/geometry.ts";
import { type Geometry, readHeader, writeHeader } from "../memory/header.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_BYTES, RunKind, ZONE_TABLE_BYTES } from "../pages/layout.ts";
import { PageAllocator } from "../pages/page-allocator.ts";
import { CacheTable } from "../slab/cache-table.ts";
import { CACHE_TABLE_BYTES } from "../slab/layout.ts";
import { Sheaves, sheafPages } from "../slab/sheaf.ts";
import { Slabs } from "../slab/slab.ts";
import { createTags } from "../slab/tags.ts";
import { SLOT_RECORD_BYTES } from "../sync/layout.ts";
import { SlotTable } from "../sync/slot.ts";

/** The layers below kmalloc, opened over one memory for one slot. They hold views and constants, no state. */
export interface Layers {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly slots: SlotTable;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly slabs: Slabs;
  readonly sheaves: Sheaves;
  readonly slot: number;
}

const TABLE_SIZES = {
  zoneTableBytes: ZONE_TABLE_BYTES,
  slotRecordBytes: SLOT_RECORD_BYTES,
  cacheTableBytes: CACHE_TABLE_BYTES,
  frameRecordBytes: FRAME_RECORD_BYTES,
} as const;

/** The slot that a thread works through while there is only one. */
const FIRST_SLOT = 0;

/**
 * Formats the part of a memory that `extent` names and opens its layers. Throws before it writes anything when the
 * extent is no good; grows a growable memory when its tables do not fit yet.
 */
export function createLayers(memory: LinearMemory, extent: Extent): Layers {
  const geometry = planGeometry(extent, TABLE_SIZES);
  const endFrame = Math.min(
    Math.max(Math.floor(extent.end / PAGE_SIZE), geometry.firstPageFrame + 1),
    geometry.limitFrame,
  );
  const pageCount = geometry.limitFrame - geometry.firstPageFrame;
  const dmaPages = Math.min(geometry.dmaFrames, pageCount);
  if (Math.max(dmaPages, pageCount - dmaPages) < sheafPages()) throw noRoomForSheaves();
  if (!memory.growTo(endFrame * PAGE_SIZE)) {
    throw new KmemError(
      "BAD_GEOMETRY",
      `the buffer has ${memory.byteLength} bytes and cannot reach the ${endFrame * PAGE_SIZE} that the heap needs`,
      { bufferBytes: memory.byteLength, neededBytes: endFrame * PAGE_SIZE },
    );
  }
  if (extent.isZeroed !== true) {
    memory.bytes.fill(0, geometry.baseFrame * PAGE_SIZE, geometry.firstPageFrame * PAGE_SIZE);
  }
  writeHeader(memory, geometry, endFrame);
  createTags(memory, geometry);
  const pages = PageAllocator.create(memory, geometry, endFrame);
  new CacheTable(memory, geometry).createSizeClasses();
  return openLayers(memory, geometry, pages);
}

/** Opens the layers of the heap that starts at byte `start` of a memory. Throws when there is none, writes little. */
export function attachLayers(memory: LinearMemory, start: number): Layers {
  requireByteOffset("start", start);
  const geometry = readHeader(memory, start);
  return openLayers(memory, geometry, PageAllocator.attach(memory, geometry));
}

function noRoomForSheaves(): KmemError {
  return new KmemError("BAD_GEOMETRY", "too small: no pages are left for the sheaves of a slot", {});
}

function openLayers(memory: LinearMemory, geometry: Geometry, pages: PageAllocator): Layers {
  const caches = new CacheTable(memory, geometry);
  const slabs = new Slabs(memory, geometry, pages, caches);
  const slots = new SlotTable(memory, geometry.slotTable, geometry.slotCount);
  const area = slots.area(FIRST_SLOT);
  if (area !== 0 && (area % PAGE_SIZE !== 0 || pages.frames.kind(area / PAGE_SIZE) !== RunKind.SYSTEM)) {
    const text = `the private pages of slot ${FIRST_SLOT} are said to be at ${hex(area)}, where there are none`;
    throw new KmemError("BAD_GEOMETRY", text, { area });
  }
  const sheaves = Sheaves.open({ memory, geometry, pages, caches, slabs }, slots, FIRST_SLOT);
  if (sheaves === undefined) throw noRoomForSheaves();
  slots.hold(FIRST_SLOT);
  return { memory, geometry, slots, pages, caches, slabs, sheaves, slot: FIRST_SLOT };
}
