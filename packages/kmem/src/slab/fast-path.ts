import type { Geometry } from "../memory/header.ts";
import { GRANULE_MASK, GRANULE_SHIFT, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind } from "../pages/layout.ts";
import { classTables } from "./class-tables.ts";
import { AreaWord, FULL, REMOTE_CLASS_COUNT, Tag } from "./layout.ts";
import { MAX_CLASS_BYTES } from "./size-classes.ts";
import { tagView } from "./tags.ts";

/** The first kind without remote sheaves: its blocks go into the freeing slot's sheaf, whoever allocated them. */
export const REMOTE_KIND_END: number = FrameKind.FIRST_CACHE + REMOTE_CLASS_COUNT;

/**
 * The two paths that nine operations in ten take, and nothing else: load, test, store; no calls, and no atomics unless
 * frees are exact. They are closures over constants, which the engine folds into the code. Fields read through `this`
 * cost a fifth more. So do constants imported from other modules, and constants of this module that a bundler turns
 * into `var`. Each bind function therefore copies the constants it uses into locals.
 *
 * alloc, for a size:                         free, for an address:
 *   kind of the size      (1 load)             tag of the address is a slot's    (1 load, test)
 *   top of its sheaf      (1 load)             and the address a whole granule   (test)
 *   block on top          (1 load)             kind of its frame                 (1 load)
 *   its tag: cached, slot (1 load, test)       top of its sheaf, remote or not   (1 load, test)
 *   top one lower         (1 store)            word above the top is not FULL    (1 load, test)
 *   tag = slot + 1        (1 store)            block, tag = cached, slot; top    (3 stores)
 *
 * The tag names the slot: an entry that is live, cached by another slot, in a barn or a slab, or EMPTY, fails the test
 * of alloc. Popping makes the block live, so that a second entry for it fails too: no block is handed out twice.
 */
export interface FastPath {
  /** Pops a block for `sizeBytes`, or answers with the slow path. */
  readonly alloc: (sizeBytes: number) => number;
  /** Pushes a live block, or answers with the slow path. */
  readonly free: (address: number) => void;
  /** Pops or returns 0: the sheaf is empty, or the size is large or invalid. */
  readonly take: (sizeBytes: number) => number;
  /** Whether the sheaf or remote sheaf that takes the live block at `address` is not full. */
  readonly hasRoom: (address: number) => boolean;
  /** Whether the buffer has been replaced by a larger one, or the tables have moved, so that nothing works here. */
  readonly isStale: () => boolean;
}

/** Where the fast path turns when it cannot go on. */
export interface SlowPath {
  readonly alloc: (sizeBytes: number) => number;
  readonly free: (address: number) => void;
}

/** The same two paths for the blocks of named caches, by the kind of their frames. */
export interface CachePath {
  /** Pops a block of the cache, or returns 0. */
  readonly take: (kind: number) => number;
  /** Pushes a live block of the cache; false where it cannot, and for blocks of other caches. */
  readonly put: (address: number, kind: number) => boolean;
}

/** What a fast path is bound to. */
export interface FastPathContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  /** Index in `words` of the slot's area. */
  readonly areaWord: number;
  readonly slot: number;
  /** Whether frees exchange the tag atomically. */
  readonly hasExactFrees: boolean;
}

/**
 * Binds the fast path to one slot of one memory. Bind again when the buffer has been replaced by a larger one. The slow
 * path is called from within the closure, not by its caller: one closure less on the way costs a tenth less. The body
 * of `take` repeats `alloc`'s: the engine folds constants only into a closure that is created once; sharing one maker
 * costs a fifth more. A value that cannot convert to a number (BigInt, symbol, some objects) throws; the catch, free
 * when nothing throws, passes it to the slow path. An object that does convert fails the `===` test and takes the slow
 * path too.
 */
export function bindFastPath(context: FastPathContext, { alloc: slowAlloc, free: slowFree }: SlowPath): FastPath {
  const liveMax = Tag.LIVE_MAX;
  const reserved = Tag.RESERVED;
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const pageShift = PAGE_SHIFT;
  const maxClassBytes = MAX_CLASS_BYTES;
  const remoteKindEnd = REMOTE_KIND_END;
  const { memory, geometry, areaWord, slot } = context;
  const words = memory.words;
  const tags = tagView(memory, geometry);
  const kinds = kindView(context);
  const { kindBySize } = classTables();
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const remoteTops: number = areaWord + AreaWord.REMOTE_TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;

  const alloc = (sizeBytes: number): number => {
    try {
      if (sizeBytes >>> 0 === sizeBytes && sizeBytes <= maxClassBytes) {
        const topWord = tops + kindBySize[(sizeBytes + granuleMask) >>> granuleShift];
        const top = words[topWord];
        const block = words[top];
        const granule = (block - base) >>> granuleShift;
        if (tags[granule] === cachedTag) {
          words[topWord] = top - 1;
          tags[granule] = liveTag;
          return block >>> 0;
        }
      }
    } catch {
      // Does not convert to a number: the slow path reports it.
    }
    return slowAlloc(sizeBytes);
  };

  const free = (address: number): void => {
    try {
      const offset = (address - base) >>> 0;
      const granule = offset >>> granuleShift;
      const tag = tags[granule] | 0;
      if ((tag - 1) >>> 0 < liveMax && (offset & granuleMask) === 0 && address >>> 0 === address) {
        const kind = kinds[offset >>> pageShift];
        const topWord = (tag === liveTag || kind >= remoteKindEnd ? tops : remoteTops) + kind;
        const pushWord = words[topWord] + 1;
        if ((words[pushWord] ?? full) !== full) {
          words[pushWord] = address;
          tags[granule] = cachedTag;
          words[topWord] = pushWord;
          return;
        }
      }
    } catch {
      // Does not convert to a number: the slow path reports it.
    }
    slowFree(address);
  };

  const take = (sizeBytes: number): number => {
    try {
      if (sizeBytes >>> 0 !== sizeBytes || sizeBytes > maxClassBytes) return 0;
      const topWord = tops + kindBySize[(sizeBytes + granuleMask) >>> granuleShift];
      const top = words[topWord];
      const block = words[top];
      const granule = (block - base) >>> granuleShift;
      if (tags[granule] !== cachedTag) return 0;
      words[topWord] = top - 1;
      tags[granule] = liveTag;
      return block >>> 0;
    } catch {
      return 0;
    }
  };

  const hasRoom = (address: number): boolean => {
    const kind = kinds[(address - base) >>> pageShift];
    const isRemote = kind < remoteKindEnd && tags[((address - base) >>> 0) >>> granuleShift] !== liveTag;
    const top = words[(isRemote ? remoteTops : tops) + kind];
    return (words[top + 1] ?? full) !== full;
  };

  return {
    alloc,
    free: context.hasExactFrees ? bindExactFree(context, slowFree) : free,
    take,
    hasRoom,
    isStale: () => words.length === 0 || (geometry.hasMovingTables && tags[0] !== reserved),
  };
}

/** `free` that exchanges the tag atomically: of two threads that free one block, the second goes the slow path. */
function bindExactFree(context: FastPathContext, slowFree: SlowPath["free"]): FastPath["free"] {
  const liveMax = Tag.LIVE_MAX;
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const pageShift = PAGE_SHIFT;
  const remoteKindEnd = REMOTE_KIND_END;
  const { memory, geometry, areaWord, slot } = context;
  const words = memory.words;
  const tags = tagView(memory, geometry);
  const kinds = kindView(context);
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const remoteTops: number = areaWord + AreaWord.REMOTE_TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;

  return (address: number): void => {
    try {
      const offset = (address - base) >>> 0;
      const granule = offset >>> granuleShift;
      const tag = tags[granule] | 0;
      if ((tag - 1) >>> 0 < liveMax && (offset & granuleMask) === 0 && address >>> 0 === address) {
        const kind = kinds[offset >>> pageShift];
        const topWord = (tag === liveTag || kind >= remoteKindEnd ? tops : remoteTops) + kind;
        const pushWord = words[topWord] + 1;
        if ((words[pushWord] ?? full) !== full && Atomics.compareExchange(tags, granule, tag, cachedTag) === tag) {
          words[pushWord] = address;
          words[topWord] = pushWord;
          return;
        }
      }
    } catch {
      // Does not convert to a number: the slow path reports it.
    }
    slowFree(address);
  };
}

/** The kinds of the frames, from the first of the heap on. */
export function kindView({ memory, geometry }: FastPathContext): Uint8Array<ArrayBufferLike> {
  return new Uint8Array(memory.buffer, geometry.kindTable, geometry.coveredEndFrame - geometry.baseFrame);
}

/**
 * Binds the fast path of the named caches: one pair of functions for all of them, since functions of their own
 * for each would be many targets for every call.
 */
export function bindCachePath(context: FastPathContext): CachePath {
  const liveMax = Tag.LIVE_MAX;
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const pageShift = PAGE_SHIFT;
  const { memory, geometry, areaWord, slot, hasExactFrees } = context;
  const words = memory.words;
  const tags = tagView(memory, geometry);
  const kinds = kindView(context);
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;

  const take = (kind: number): number => {
    const topWord = tops + kind;
    const top = words[topWord];
    const block = words[top];
    const granule = (block - base) >>> granuleShift;
    if (tags[granule] !== cachedTag) return 0;
    words[topWord] = top - 1;
    tags[granule] = liveTag;
    return block >>> 0;
  };

  const put = (address: number, kind: number): boolean => {
    try {
      const offset = (address - base) >>> 0;
      const granule = offset >>> granuleShift;
      const tag = tags[granule] | 0;
      if ((tag - 1) >>> 0 >= liveMax || (offset & granuleMask) !== 0 || address >>> 0 !== address) return false;
      const topWord = tops + kind;
      const pushWord = words[topWord] + 1;
      if (kinds[offset >>> pageShift] !== kind || (words[pushWord] ?? full) === full) return false;
      if (hasExactFrees && Atomics.compareExchange(tags, granule, tag, cachedTag) !== tag) return false;
      words[pushWord] = address;
      tags[granule] = cachedTag;
      words[topWord] = pushWord;
      return true;
    } catch {
      return false;
    }
  };

  return { take, put };
}
