import { GRANULE_MASK, GRANULE_SHIFT, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { classTables } from "./class-tables.ts";
import { type FastPath, type FastPathContext, kindView, REMOTE_KIND_END, type SlowPath } from "./fast-path.ts";
import { AreaWord, FULL, Tag } from "./layout.ts";
import { MAX_CLASS_BYTES } from "./size-classes.ts";
import { tagView } from "./tags.ts";

/** The fast path of a heap whose memory detaches its views when it grows. */
export interface GrowingPath extends FastPath {
  /** Takes up the views of a memory that has grown, and tables that have moved: the functions stay the same. */
  readonly rebind: (context: FastPathContext) => void;
}

/**
 * As `bindFastPath`, step by step, for memory that has grown and may grow again. What changes with a growth is `let`,
 * and the functions are made once. A program that has called one of them and then calls another one of the same code
 * gets neither folded into its own code, which costs more than to load the views anew at each call: see
 * docs/performance.md. Shared memory keeps its views; frees are not exact here.
 */
export function bindGrowingPath(first: FastPathContext, { alloc: slowAlloc, free: slowFree }: SlowPath): GrowingPath {
  const liveMax = Tag.LIVE_MAX;
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const pageShift = PAGE_SHIFT;
  const maxClassBytes = MAX_CLASS_BYTES;
  const remoteKindEnd = REMOTE_KIND_END;
  const { kindBySize } = classTables();
  const { areaWord, slot, geometry } = first;
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const remoteTops: number = areaWord + AreaWord.REMOTE_TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;
  let { words } = first.memory;
  let tags = tagView(first.memory, geometry);
  let kinds = kindView(first);

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
    return (words[words[(isRemote ? remoteTops : tops) + kind] + 1] ?? full) !== full;
  };

  return {
    alloc,
    free,
    take,
    hasRoom,
    rebind: (context) => {
      ({ words } = context.memory);
      tags = tagView(context.memory, context.geometry);
      kinds = kindView(context);
    },
    isStale: () => words.length === 0 || (geometry.hasMovingTables && tags[0] !== Tag.RESERVED),
  };
}
