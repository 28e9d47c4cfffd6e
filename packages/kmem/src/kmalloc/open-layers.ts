import { KmemError } from "../memory/errors.ts";
import {
  type Extent,
  hasSlotPages,
  leastBytes,
  planGeometry,
  requireByteOffset,
  type TableSizes,
  tooSmall,
} from "../memory/geometry.ts";
import { GEOMETRY_WORDS, type Geometry, readHeader, useTables, writeHeader } from "../memory/header.ts";
import { HeapFlag, PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_BYTES, groupTableBytes, ZONE_TABLE_BYTES } from "../pages/layout.ts";
import { endWithTables, firstTables, openTables, tablePages } from "../pages/moving-tables.ts";
import { PageAllocator } from "../pages/page-allocator.ts";
import { areaPages } from "../slab/area.ts";
import { Barns } from "../slab/barn.ts";
import { CacheTable } from "../slab/cache-table.ts";
import { CACHE_COUNT_MAX, CACHE_RECORD_BYTES } from "../slab/layout.ts";
import { RemoteSheaves } from "../slab/remote-sheaf.ts";
import { Sheaves } from "../slab/sheaf.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import { Slabs } from "../slab/slab.ts";
import { createTags } from "../slab/tags.ts";
import { SLOT_RECORD_BYTES } from "../sync/layout.ts";
import { SharedLocks } from "../sync/lock.ts";
import { bindSlot, type SlotSync, slotTable } from "../sync/slot-sync.ts";
import type { CoreLayers, Layers } from "./layers.ts";
import { repairAfterHolderDeath } from "./lock-takeover.ts";

/** What the layers have for other threads: a heap of one thread has nothing of it. */
export interface ThreadSupport {
  /** Takes a slot of a heap that has just been formatted. */
  readonly takeSlot: (memory: LinearMemory, geometry: Geometry) => SlotSync;
  readonly makeBarns: (context: ConstructorParameters<typeof Barns>[0]) => Barns;
  readonly createRemoteSheaves: CoreLayers["createRemoteSheaves"];
  /** Sees to it that locks of threads that are gone are taken over. */
  readonly linkRecovery: (lower: CoreLayers) => void;
}

/** That of a heap which several threads may share. */
export const THREADS: ThreadSupport = {
  takeSlot: (memory, geometry) => {
    const slots = slotTable(memory, geometry);
    return bindSlot(memory, geometry, slots, slots.take());
  },
  makeBarns: (context) => new Barns(context),
  createRemoteSheaves: (context, areaWord, cachedTag) => new RemoteSheaves(context, areaWord, cachedTag),
  linkRecovery: (lower) => {
    const { locks, beacon, deaths } = lower.sync;
    if (!(locks instanceof SharedLocks)) return;
    // A thread that is about to get its sheaves takes locks too.
    const repair = (word: number): void => repairAfterHolderDeath(lower, word);
    locks.recovery = { isGone: deaths.isGone, renewBeacon: () => beacon.renew(), repair };
  },
};

export const TABLE_SIZES: TableSizes = {
  zoneTableBytes: ZONE_TABLE_BYTES,
  slotRecordBytes: SLOT_RECORD_BYTES,
  cacheRecordBytes: CACHE_RECORD_BYTES,
  classCount: CLASS_COUNT,
  cacheCountMax: CACHE_COUNT_MAX,
  frameRecordBytes: FRAME_RECORD_BYTES,
  slotPages: (shapes) => areaPages(false, shapes),
  groupTableBytes,
};

/** What a new heap is beside its extent. */
export interface FormatOptions {
  /** {@link HeapFlag}s. Default: none. */
  readonly flags?: number;
}

/**
 * Formats the part of a memory that `extent` names and opens its layers. Throws before it writes anything when the
 * extent is not valid; grows a growable memory when its tables do not fit yet.
 */
export function createLayers(
  memory: LinearMemory,
  extent: Extent,
  { flags = 0 }: FormatOptions,
  support: ThreadSupport,
): Layers {
  const geometry = planGeometry({ ...extent, hasMovingTables: shallMoveTables(memory, extent) }, TABLE_SIZES);
  if (!hasSlotPages(geometry, TABLE_SIZES)) throw noRoomForSheaves(geometry, extent);
  const presentBytes = extent.presentBytes ?? memory.byteLength;
  const endFrame = growToTables(memory, geometry, extent, presentBytes);
  if (geometry.hasMovingTables) useTables(geometry, firstTables(geometry, endFrame));
  if (extent.isZeroed !== true) {
    // What the memory has grown by is zero.
    const end = Math.min((geometry.firstPageFrame + tablePages(geometry)) * PAGE_SIZE, presentBytes);
    memory.bytes.fill(0, Math.min(geometry.baseFrame * PAGE_SIZE, end), end);
  }
  writeHeader(memory, geometry, endFrame, geometry.hasMovingTables ? flags | HeapFlag.MOVING_TABLES : flags);
  createTags(memory, geometry);
  const sync = support.takeSlot(memory, geometry);
  const pages = PageAllocator.create(memory, geometry, endFrame, sync);
  new CacheTable(memory, geometry).createSizeClasses();
  const layers = openLayers(lowerLayers(memory, geometry, sync, pages, support), support);
  if (layers === undefined) throw noRoomForSheaves(geometry, extent);
  return layers;
}

/** Tables for so little do not cost more than it takes to move them. */
const MOVING_LIMIT_MIN = 1024 * 1024;

/** Whether tables shall move: in memory that grows and that other threads do not reach, where there is much to save. */
function shallMoveTables(memory: LinearMemory, { start, end, limit, dmaBytes = 0 }: Extent): boolean {
  return memory.mayGrow && !memory.isShared && limit > end && limit - start >= MOVING_LIMIT_MIN && dmaBytes === 0;
}

/**
 * Grows a memory so far that the heap's tables fit, and its end where that was given; returns the end of what is the
 * heap's then. Throws BAD_GEOMETRY where it cannot, and where somebody else has added pages in between.
 */
function growToTables(memory: LinearMemory, geometry: Geometry, extent: Extent, presentBytes: number): number {
  const { firstPageFrame, limitFrame, hasMovingTables } = geometry;
  const leastEnd = hasMovingTables
    ? endWithTables(memory, geometry, firstPageFrame + TABLE_SIZES.slotPages(geometry))
    : firstPageFrame + 1;
  const endFrame = Math.min(Math.max(Math.floor(extent.end / PAGE_SIZE), leastEnd), limitFrame);
  const neededBytes = endFrame * PAGE_SIZE;
  if (neededBytes > extent.end && extent.end < presentBytes) {
    const text = `too small: the tables of a heap that may reach byte ${extent.limit} take all up to ${neededBytes}`;
    throw new KmemError("BAD_GEOMETRY", `${text}, and what is behind byte ${extent.end} is not the heap's`, {
      end: extent.end,
      neededBytes,
    });
  }
  if (neededBytes <= presentBytes) return endFrame;
  const added = memory.growBy(neededBytes - presentBytes);
  if (added?.first === presentBytes) return Math.min(added.end / PAGE_SIZE, limitFrame);
  const text =
    added === undefined
      ? `the buffer has ${presentBytes} bytes and cannot reach the ${neededBytes} that the heap needs`
      : `somebody else has grown the memory meanwhile: bytes ${presentBytes} to ${added.first} are not the heap's`;
  throw new KmemError("BAD_GEOMETRY", text, { bufferBytes: presentBytes, neededBytes });
}

/** Opens the heap that starts at byte `start` without a slot; reads only. Throws where the header is not valid. */
export function openCoreLayers(memory: LinearMemory, start: number): CoreLayers {
  const geometry = openGeometry(memory, start);
  const slots = slotTable(memory, geometry);
  const sync = bindSlot(memory, geometry, slots, 0);
  return lowerLayers(memory, geometry, sync, PageAllocator.attach(memory, geometry, sync), THREADS);
}

/**
 * Reads and verifies the header of the heap that starts at byte `start`, and that its tables are where their sizes put
 * them, or where the header says that they have moved to: the writer of a hostile header can make its checksum too.
 * Throws as `readHeader` does; reads only.
 */
export function openGeometry(memory: LinearMemory, start: number): Geometry {
  requireByteOffset("start", start);
  const geometry = readHeader(memory, start);
  const planned = plannedGeometry(geometry);
  const wrong = GEOMETRY_WORDS.find(([field]) => planned?.[field] !== geometry[field]);
  if (wrong === undefined) {
    openTables(memory, geometry);
    return geometry;
  }
  const [field] = wrong;
  throw new KmemError("BAD_GEOMETRY", `the header says that ${field} is ${geometry[field]}, which cannot be`, {
    field,
    found: geometry[field],
    expected: planned?.[field],
  });
}

/** The geometry that follows from how far a heap reaches, its slots and its zones; undefined where none does. */
function plannedGeometry(read: Geometry): Geometry | undefined {
  const { baseFrame, limitFrame, slotCount, cacheCount, dmaFrames, hasMovingTables } = read;
  const [start, limit] = [baseFrame * PAGE_SIZE, limitFrame * PAGE_SIZE];
  const counts = { slotCount, cacheCount, dmaBytes: dmaFrames * PAGE_SIZE };
  try {
    return planGeometry({ start, end: start, limit, ...counts, hasMovingTables, shapes: read }, TABLE_SIZES);
  } catch (error) {
    if (error instanceof KmemError) return undefined;
    throw error;
  }
}

function noRoomForSheaves(geometry: Geometry, extent: Extent): KmemError {
  return tooSmall("no pages are left for the sheaves of a slot", leastBytes(geometry, extent, TABLE_SIZES));
}

/**
 * Opens the layers of a slot that the thread has just taken; undefined without memory for its private pages. `prepare`
 * is done first, when locks can be taken.
 */
export function openLayers(
  lower: CoreLayers,
  support: ThreadSupport,
  prepare?: (lower: CoreLayers) => void,
): Layers | undefined {
  const { slots, slot } = lower.sync;
  support.linkRecovery(lower);
  prepare?.(lower);
  const sheaves = Sheaves.open(lower, slots, slot) ?? openAfterReclaim(lower, slot);
  if (sheaves === undefined) return undefined;
  lower.pages.useCache(sheaves.pcpWord);
  return { ...lower, sheaves, slot };
}

/** Opens the sheaves of a slot with the pages of what lies in the barns, and of empty slabs. */
function openAfterReclaim(lower: CoreLayers, slot: number): Sheaves | undefined {
  const { slots, caches, barns, slabs } = lower;
  for (const kind of caches.kinds()) {
    barns.drain(kind);
    slabs.releaseEmpty(kind);
  }
  return Sheaves.open(lower, slots, slot);
}

/** The layers that no slot has for itself. */
export function lowerLayers(
  memory: LinearMemory,
  geometry: Geometry,
  sync: SlotSync,
  pages: PageAllocator,
  { makeBarns, createRemoteSheaves }: ThreadSupport,
): CoreLayers {
  const caches = new CacheTable(memory, geometry);
  const slabs = new Slabs({ memory, geometry, pages, caches, locks: sync.locks });
  const barns = makeBarns({ memory, geometry, pages, caches, slabs, sync });
  return { memory, geometry, sync, slots: sync.slots, pages, caches, slabs, barns, createRemoteSheaves };
}
