import { headerWord } from "../memory/header.ts";
import { GRANULE, Header, PAGE_SIZE, WORD_BYTES } from "../memory/layout.ts";
import type { MemoryKind } from "../memory/memory.ts";
import { FRAME_RECORD_BYTES, FrameKind, RunKind } from "../pages/layout.ts";
import { tablePages } from "../pages/moving-tables.ts";
import { foreignFrames, type ZoneStats } from "../pages/zone.ts";
import { CACHE_RECORD_WORDS, CacheRecord } from "../slab/layout.ts";
import type { Sheaves } from "../slab/sheaf.ts";
import { CLASS_COUNT, MAX_OBJECT_BYTES } from "../slab/size-classes.ts";
import { allSheaves, type CoreLayers } from "./layers.ts";

/** One cache, size class or named. */
export interface CacheStats {
  /** Name of the cache, as `kmalloc-64` is. */
  readonly name: string;
  /** Bytes of an object, as they were asked for. */
  readonly objectBytes: number;
  /** Bytes of a block: the object, rounded up to its alignment. */
  readonly blockBytes: number;
  /** Slabs that there are. */
  readonly slabs: number;
  /** Pages of a slab. */
  readonly slabPages: number;
  /** Blocks of a slab. */
  readonly slabBlocks: number;
  /** Blocks that are allocated. */
  readonly liveBlocks: number;
  /** Free blocks that wait in the sheaves and remote sheaves of all slots. */
  readonly sheafBlocks: number;
  /** Free blocks that wait in the barn. */
  readonly barnBlocks: number;
  /** Free blocks in slabs. */
  readonly freeBlocks: number;
}

/** Where every byte of the heap is. The parts add up to `totalBytes`. */
export interface ByteStats {
  /** All bytes of the heap: what the parts add up to. */
  readonly totalBytes: number;
  /** Header and tables, for as far as memory may grow. */
  readonly metadataBytes: number;
  /** Live blocks of slabs. */
  readonly liveSlabBytes: number;
  /** Free blocks in sheaves. */
  readonly sheafBytes: number;
  /** Free blocks in barns. */
  readonly barnBytes: number;
  /** Free blocks in slabs. */
  readonly freeSlabBytes: number;
  /** Ends of slabs too short for a block. */
  readonly slabTailBytes: number;
  /** Live blocks that are runs of pages. */
  readonly blockRunBytes: number;
  /** Runs from the page allocator's own face. */
  readonly pageRunBytes: number;
  /** Private pages of slots, and the pages of the barns. */
  readonly slotBytes: number;
  /** Free pages in the pcp lists of slots. */
  readonly pcpBytes: number;
  /** Buckets, and the pages of their lists. */
  readonly bucketBytes: number;
  /** Pages of virtual areas, and of their tables. */
  readonly vmallocBytes: number;
  /** Free pages. */
  readonly freePageBytes: number;
}

/** Figures of every layer of a heap. */
export interface HeapStats {
  /** The kind of memory that the heap lives in. */
  readonly memoryKind: MemoryKind;
  /** First byte of the heap. */
  readonly startAddress: number;
  /** One past its last byte now. */
  readonly endAddress: number;
  /** How far the heap may grow its memory. */
  readonly limitAddress: number;
  /** Counts growths, from 1. */
  readonly generation: number;
  /**
   * Blocks that are allocated, runs of pages included. Of a debugged heap those too that were freed and lie in a
   * quarantine: `blocksOf` and `leaks()` leave them out, and `trim()` gives those of this thread back.
   */
  readonly liveBlocks: number;
  /** Slots that threads hold now. */
  readonly heldSlots: number;
  /** Double frees by two threads at the same moment, found when the second entry of the block came up. */
  readonly lateDoubleFrees: number;
  /** What the heap's bytes are used for. */
  readonly bytes: ByteStats;
  /**
   * Bytes between `startAddress` and `endAddress` that are not the heap's: a program, or another heap, has added them
   * to the memory. They are in no other figure.
   */
  readonly foreignBytes: number;
  /** Bytes that the heap occupies: pages in use, and the part of the tables that is about them. */
  readonly footprintBytes: number;
  /** The zones, DMA first. */
  readonly zones: readonly ZoneStats[];
  /** The size classes of kmalloc first, then named caches: those that have slabs, or all where that was asked for. */
  readonly caches: readonly CacheStats[];
}

/** Counts of one cache; O(entries of its sheaves). Exact while no other thread works. */
export function cacheStats(layers: CoreLayers, kind: number, allSheaves: Iterable<Sheaves>): CacheStats {
  const { caches, barns, pages } = layers;
  // Damage, or a thread at work meanwhile, may say anything: no figure exceeds what the heap can hold.
  const slabBlocks = caches.slabBlocks(kind);
  const slabPages = caches.slabPages(kind);
  const { endFrame, firstPageFrame } = pages.frames;
  const slabsMax = slabPages === 0 ? 0 : Math.floor((endFrame - firstPageFrame) / slabPages);
  const slabs = within(caches.get(kind, CacheRecord.SLABS), slabsMax);
  const freeBlocks = within(caches.get(kind, CacheRecord.FREE_BLOCKS), slabs * slabBlocks);
  let heldBlocks = 0;
  for (const sheaves of allSheaves) heldBlocks += sheaves.validCount(kind);
  const sheafBlocks = within(heldBlocks, slabs * slabBlocks - freeBlocks);
  const barnBlocks = within(barns.count(kind), slabs * slabBlocks - freeBlocks - sheafBlocks);
  return {
    name: caches.name(kind),
    objectBytes: within(caches.get(kind, CacheRecord.OBJECT_BYTES), MAX_OBJECT_BYTES),
    blockBytes: within(caches.blockBytes(kind), MAX_OBJECT_BYTES),
    slabs,
    slabPages,
    slabBlocks,
    liveBlocks: slabs * slabBlocks - freeBlocks - sheafBlocks - barnBlocks,
    sheafBlocks,
    barnBlocks,
    freeBlocks,
  };
}

/** A figure between 0 and `most`; 0 for what is no number, as what lies beyond the end of the memory. */
function within(value: number, most: number): number {
  return value > 0 ? Math.min(value, most) : 0;
}

/** Bytes of tables that describe one frame: its record, its kind, its tags. */
const TABLE_BYTES_PER_FRAME: number = FRAME_RECORD_BYTES + 1 + PAGE_SIZE / GRANULE;

/** Bytes of the records of kmalloc's own caches. */
const SIZE_CLASS_RECORD_BYTES: number = CLASS_COUNT * CACHE_RECORD_WORDS * WORD_BYTES;

/**
 * What the heap occupies: frames that are not free, the tables' share for those frames, and what stands before the
 * tables. Tables of free and absent frames have never been touched and cost no memory. O(zones).
 */
export function footprintBytes(layers: CoreLayers): number {
  const { geometry, pages } = layers;
  const fixedBytes = geometry.cacheTable + SIZE_CLASS_RECORD_BYTES - geometry.baseFrame * PAGE_SIZE;
  // Tables that move are among the frames in use.
  const describedFrames = geometry.hasMovingTables ? 0 : pages.usedFrames;
  return pages.usedFrames * PAGE_SIZE + describedFrames * TABLE_BYTES_PER_FRAME + fixedBytes;
}

type RunCounts = { readonly blockRuns: number } & Pick<
  ByteStats,
  "blockRunBytes" | "pageRunBytes" | "slotBytes" | "pcpBytes" | "bucketBytes" | "vmallocBytes"
>;

/** Counts frames of the kinds that caches do not count; O(frames). */
function countRuns(layers: CoreLayers): RunCounts {
  const { geometry, pages } = layers;
  const frameCounts = new Uint32Array(FrameKind.FIRST_CACHE);
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    const kind = pages.frames.kind(frame);
    if (kind < FrameKind.FIRST_CACHE) frameCounts[kind]++;
  }
  const bytesOf = (kind: number): number => (frameCounts[kind] + frameCounts[kind + 1]) * PAGE_SIZE;
  return {
    blockRuns: frameCounts[RunKind.LARGE_BLOCK],
    blockRunBytes: bytesOf(RunKind.LARGE_BLOCK),
    pageRunBytes: bytesOf(RunKind.PAGES),
    slotBytes: bytesOf(RunKind.SYSTEM) - tablePages(geometry) * PAGE_SIZE,
    pcpBytes: bytesOf(RunKind.CACHED),
    bucketBytes: bytesOf(RunKind.BUCKET),
    vmallocBytes: bytesOf(RunKind.VMALLOC),
  };
}

/** What {@link HeapStats} are to hold. */
export interface StatsOptions {
  /** Caches without slabs too, most of which a program never uses. Default false. */
  readonly emptyCaches?: boolean;
}

/** All figures of a heap; O(frames). */
export function heapStats(layers: CoreLayers, { emptyCaches = false }: StatsOptions = {}): HeapStats {
  const { memory, geometry, pages, slots } = layers;
  const sheaves = [...allSheaves(layers).values()];
  const allCaches = [...layers.caches.kinds()].map((kind) => cacheStats(layers, kind, sheaves));
  const caches = emptyCaches ? allCaches : allCaches.filter((cache) => cache.slabs > 0);
  const sum = (bytesOf: (cache: CacheStats) => number): number =>
    caches.reduce((total, cache) => total + bytesOf(cache), 0);
  const { blockRuns, ...runs } = countRuns(layers);
  const { endFrame } = pages.frames;
  const fixedFrames = geometry.firstPageFrame - geometry.baseFrame;
  return {
    memoryKind: memory.kind,
    startAddress: geometry.baseFrame * PAGE_SIZE,
    endAddress: endFrame * PAGE_SIZE,
    limitAddress: geometry.limitFrame * PAGE_SIZE,
    generation: pages.frames.growthCount,
    liveBlocks: sum((cache) => cache.liveBlocks) + blockRuns,
    heldSlots: slots.heldCount,
    lateDoubleFrees: memory.words[headerWord(geometry, Header.LATE_DOUBLE_FREES)] >>> 0,
    bytes: {
      totalBytes: (fixedFrames + pages.managedFrames) * PAGE_SIZE,
      metadataBytes: (fixedFrames + tablePages(geometry)) * PAGE_SIZE,
      liveSlabBytes: sum((cache) => cache.liveBlocks * cache.blockBytes),
      sheafBytes: sum((cache) => cache.sheafBlocks * cache.blockBytes),
      barnBytes: sum((cache) => cache.barnBlocks * cache.blockBytes),
      freeSlabBytes: sum((cache) => cache.freeBlocks * cache.blockBytes),
      slabTailBytes: sum((cache) => cache.slabs * (cache.slabPages * PAGE_SIZE - cache.slabBlocks * cache.blockBytes)),
      ...runs,
      freePageBytes: pages.freeBytes,
    },
    foreignBytes: foreignFrames(pages.zones) * PAGE_SIZE,
    footprintBytes: footprintBytes(layers),
    zones: pages.stats(),
    caches,
  };
}
