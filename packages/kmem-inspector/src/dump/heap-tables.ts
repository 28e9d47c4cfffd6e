import { PAGE_SIZE } from "kmem";
import {
  CACHE_COUNT_MAX,
  CACHE_NAME_BYTES,
  CACHE_RECORD_WORDS,
  CacheRecord,
  FRAME_RECORD_BYTES,
  FrameKind,
  FrameRecord,
  GRANULE_SHIFT,
  Header,
  HeapFlag,
  LAYOUT_VERSION,
  MAGIC,
  TABLE_LOCATION_WORDS,
  TableLocationWord,
  tableLayout,
  WORD_BYTES,
} from "kmem/layout";
import type { DumpMemory } from "./dump-memory.ts";

/** Where the tables of a heap are. Frames are numbers of pages from the start of the memory. */
export interface HeapTables {
  readonly baseFrame: number;
  readonly firstPageFrame: number;
  readonly endFrame: number;
  readonly limitFrame: number;
  readonly frameTable: number;
  readonly kindTable: number;
  readonly tagTable: number;
  readonly cacheTable: number;
  /** Records in it. */
  readonly cacheCount: number;
  readonly flags: number;
}

/** A cache, as its record has it. */
export interface CacheShape {
  readonly kind: number;
  readonly name: string;
  readonly blockBytes: number;
  readonly objectBytes: number;
  readonly slabPages: number;
  readonly slabBlocks: number;
}

/** The words of a frame's record, unsigned. */
export interface FrameWords {
  readonly next: number;
  readonly prev: number;
  readonly count: number;
  readonly head: number;
}

/** Reads the header of the heap in a dump; a sentence where it has none that its tables can be found by. */
export function readTables(memory: DumpMemory): HeapTables | string {
  const baseFrame = Math.ceil(memory.start / PAGE_SIZE);
  if (baseFrame >= memory.pageCount) return "the heap begins beyond the end of the memory";
  const word = (field: number): number => memory.u32(baseFrame * PAGE_SIZE + field * WORD_BYTES);
  if (word(Header.MAGIC) !== MAGIC) return "the header's magic is overwritten";
  if (word(Header.VERSION) !== LAYOUT_VERSION) return `the heap has layout version ${word(Header.VERSION)}`;
  const tables: HeapTables = {
    baseFrame,
    firstPageFrame: word(Header.FIRST_PAGE_FRAME),
    endFrame: word(Header.END_FRAME),
    limitFrame: word(Header.LIMIT_FRAME),
    ...tablePlaces(baseFrame, memory.pageCount, word),
    cacheTable: word(Header.CACHE_TABLE),
    cacheCount: Math.min(word(Header.CACHE_COUNT), CACHE_COUNT_MAX),
    flags: word(Header.FLAGS),
  };
  const { firstPageFrame, endFrame, frameTable, kindTable, tagTable, cacheTable } = tables;
  const isOrdered = baseFrame < firstPageFrame && firstPageFrame <= endFrame && endFrame <= memory.pageCount;
  const places = [cacheTable, frameTable, kindTable, tagTable];
  // Tables that move lie among the pages.
  const tablesEnd = (tables.flags & HeapFlag.MOVING_TABLES) === 0 ? firstPageFrame : memory.pageCount;
  const isWithin = places.every((at) => at > baseFrame * PAGE_SIZE && at < tablesEnd * PAGE_SIZE);
  if (!isOrdered || !isWithin) return "the header says that the tables lie where they cannot";
  if (word(Header.BASE_FRAME) !== baseFrame) return "the header says that the heap begins elsewhere";
  return tables;
}

/** Where the header says that the tables of frames, kinds and tags are; 0 where they cannot be there. */
function tablePlaces(baseFrame: number, pageCount: number, word: (field: number) => number) {
  if ((word(Header.FLAGS) & HeapFlag.MOVING_TABLES) === 0) {
    const [frameTable, kindTable, tagTable] = [Header.FRAME_TABLE, Header.KIND_TABLE, Header.TAG_TABLE].map(word);
    return { frameTable: frameTable!, kindTable: kindTable!, tagTable: tagTable! };
  }
  const place = Header.TABLE_LOCATIONS + (word(Header.TABLE_MOVES) & 1) * TABLE_LOCATION_WORDS;
  const first = word(place + TableLocationWord.FRAME);
  const covered = word(place + TableLocationWord.END_FRAME);
  const isPossible = covered > baseFrame && covered <= word(Header.LIMIT_FRAME) && covered <= 2 ** 20;
  if (!isPossible || covered < word(Header.END_FRAME)) return { frameTable: 0, kindTable: 0, tagTable: 0 };
  const { kinds, tags, pageCount: tablePages } = tableLayout(baseFrame, covered);
  if (first + tablePages > pageCount) return { frameTable: 0, kindTable: 0, tagTable: 0 };
  const frameTable = first * PAGE_SIZE;
  return { frameTable, kindTable: frameTable + kinds, tagTable: frameTable + tags };
}

/** Whether the blocks of a heap have red zones and records around them. */
export function isDebugged({ flags }: HeapTables): boolean {
  return (flags & HeapFlag.DEBUGGED) !== 0;
}

/** The state bytes of the frames from `first` up to `end`. */
export function kindsOf(memory: DumpMemory, tables: HeapTables, first: number, end: number): Uint8Array {
  return memory.read(tables.kindTable + first - tables.baseFrame, end - first);
}

/** The record of a frame. */
export function frameWords(memory: DumpMemory, tables: HeapTables, frame: number): FrameWords {
  const at = tables.frameTable + (frame - tables.baseFrame) * FRAME_RECORD_BYTES;
  const word = (field: number): number => memory.u32(at + field * WORD_BYTES);
  return {
    next: word(FrameRecord.NEXT),
    prev: word(FrameRecord.PREV),
    count: word(FrameRecord.COUNT),
    head: word(FrameRecord.SLAB_OR_OWNER),
  };
}

/** Address of the tag byte of the granule at an address. */
export function tagAddress(tables: HeapTables, address: number): number {
  return tables.tagTable + ((address - tables.baseFrame * PAGE_SIZE) >>> GRANULE_SHIFT);
}

/** All caches that are in use, by the kind of their frames. */
export function readCaches(memory: DumpMemory, tables: HeapTables): Map<number, CacheShape> {
  const caches = new Map<number, CacheShape>();
  for (let number = 0; number < tables.cacheCount; number++) {
    const at = tables.cacheTable + number * CACHE_RECORD_WORDS * WORD_BYTES;
    const word = (field: number): number => memory.u32(at + field * WORD_BYTES);
    const blockBytes = word(CacheRecord.BLOCK_BYTES);
    const [slabPages, slabBlocks] = [word(CacheRecord.SLAB_PAGES), word(CacheRecord.SLAB_BLOCKS)];
    // A record that says more than its slabs can hold is damaged: its blocks cannot be found.
    if (blockBytes === 0 || slabPages === 0 || slabPages * PAGE_SIZE < slabBlocks * blockBytes) continue;
    if (slabPages > memory.pageCount) continue;
    const kind = FrameKind.FIRST_CACHE + number;
    const name = nameOf(memory.read(at + CacheRecord.NAME * WORD_BYTES, CACHE_NAME_BYTES));
    caches.set(kind, { kind, name, blockBytes, objectBytes: word(CacheRecord.OBJECT_BYTES), slabPages, slabBlocks });
  }
  return caches;
}

function nameOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
