import type { Report } from "../memory/finding.ts";
import type { Geometry } from "../memory/header.ts";
import { GRANULE, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind } from "../pages/layout.ts";
import { type CacheTable, checksumOfRecord, colourCount, isPowerOfTwo } from "./cache-table.ts";
import {
  CACHE_FLAG_MASK,
  CACHE_RECORD_WORDS,
  CACHE_USER_BITS_SHIFT,
  CacheRecord,
  NAMED_SHEAF_CAPACITY,
} from "./layout.ts";
import { CLASS_COUNT, classBytes, MAX_CLASS_BYTES, MAX_OBJECT_BYTES, slabShape } from "./size-classes.ts";

/** What the check of the records reads. */
export interface RecordContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly caches: CacheTable;
}

/**
 * Verifies what a cache's record says of its blocks and slabs; the counts and lists come later. Returns the kinds whose
 * records are sound: the slabs of no other can be walked.
 */
export function checkRecords(context: RecordContext, report: Report): Set<number> {
  const { memory, caches } = context;
  const sound = new Set<number>();
  for (let cache = 0; cache < caches.count; cache++) {
    const kind = FrameKind.FIRST_CACHE + cache;
    const address = caches.record(kind) << WORD_SHIFT;
    if (caches.isUsed(kind)) {
      const fault = recordFault(caches, kind, cache);
      if (fault === undefined) sound.add(kind);
      else report(address >>> 0, `the record of cache ${cache} is wrong: ${fault}`);
    } else if (cache < CLASS_COUNT) {
      report(address >>> 0, `the record of cache ${cache} is wrong: it is empty`);
    } else {
      const record = memory.words.subarray(caches.record(kind), caches.record(kind) + CACHE_RECORD_WORDS);
      if (record.some((word) => word !== 0))
        report(address >>> 0, `the record of cache ${cache}, unused, is not empty`);
    }
  }
  return sound;
}

/** Says what is wrong with the constants of a record, or undefined. */
export function recordFault(caches: CacheTable, kind: number, cache: number): string | undefined {
  const blockBytes = caches.blockBytes(kind);
  const objectBytes = caches.get(kind, CacheRecord.OBJECT_BYTES);
  const alignBytes = caches.get(kind, CacheRecord.ALIGN_BYTES);
  const name = caches.name(kind);
  const blockBytesMax = cache < CLASS_COUNT ? MAX_CLASS_BYTES : MAX_OBJECT_BYTES;
  if (blockBytes < GRANULE || blockBytes > blockBytesMax || blockBytes % GRANULE !== 0) {
    return `its blocks have ${blockBytes} bytes`;
  }
  if (!isPowerOfTwo(alignBytes) || alignBytes > PAGE_SIZE) return `its blocks are aligned to ${alignBytes}`;
  const alignment = Math.max(alignBytes, GRANULE);
  if (Math.ceil(objectBytes / alignment) * alignment !== blockBytes) {
    return `its blocks of ${blockBytes} bytes are for objects of ${objectBytes}`;
  }
  const shape = slabShape(blockBytes, caches.shapes);
  const slabPages = caches.get(kind, CacheRecord.SLAB_PAGES);
  if (slabPages !== shape.slabPages) return `its slabs have ${slabPages} pages, not ${shape.slabPages}`;
  const slabBlocks = caches.get(kind, CacheRecord.SLAB_BLOCKS);
  if (slabBlocks !== shape.slabBlocks) return `its slabs have ${slabBlocks} blocks, not ${shape.slabBlocks}`;
  const capacity = caches.get(kind, CacheRecord.CAPACITY);
  const expected = cache < CLASS_COUNT ? shape.capacity : Math.min(shape.capacity, NAMED_SHEAF_CAPACITY);
  if (capacity !== expected) return `its sheaves have ${capacity} entries, not ${expected}`;
  const colourFault = faultOfColours(caches, kind, cache);
  if (colourFault !== undefined) return colourFault;
  if (cache >= CLASS_COUNT && !caches.hasSoundName(kind)) return "its name is no name";
  const isClass = blockBytes === classBytes(cache) && objectBytes === blockBytes && alignBytes === GRANULE;
  if (cache < CLASS_COUNT && !(isClass && name === `kmalloc-${blockBytes}`)) return "it is not that of its size class";
  const isIntact = checksumOfRecord(caches.words(kind)) === caches.get(kind, CacheRecord.CHECKSUM);
  return isIntact ? undefined : "its checksum is that of other words";
}

/** Says what is wrong with the colours and flags of a record whose shape is sound, or undefined. */
function faultOfColours(caches: CacheTable, kind: number, cache: number): string | undefined {
  const blockBytes = caches.blockBytes(kind);
  const flags = caches.get(kind, CacheRecord.FLAGS);
  const colourBytes = caches.get(kind, CacheRecord.COLOUR_BYTES);
  const colours = caches.get(kind, CacheRecord.COLOURS);
  const next = caches.get(kind, CacheRecord.COLOUR_NEXT);
  const isClass = cache < CLASS_COUNT;
  const knownFlags = CACHE_FLAG_MASK | (-1 << CACHE_USER_BITS_SHIFT);
  const areFlags = isClass ? flags === caches.classFlags : flags >= 0 && (flags & ~knownFlags) === 0;
  if (!areFlags) return `its flags are ${flags}`;
  const alignment = Math.max(caches.get(kind, CacheRecord.ALIGN_BYTES), GRANULE);
  const isDistance = isClass ? colourBytes === 0 : colourBytes >= 0 && colourBytes % alignment === 0;
  if (!isDistance) return `its colours are ${colourBytes} bytes apart`;
  const expected = colourCount(slabShape(blockBytes, caches.shapes), blockBytes, colourBytes);
  if (colours !== expected) return `it has ${colours} colours, not ${expected}`;
  return next >= 0 && next < colours ? undefined : `its next colour is number ${next} of ${colours}`;
}
