import { clear } from "../memory/clear.ts";
import { BULK_LOOP_BYTES, copyBytes } from "../memory/copy.ts";
import {
  GRANULE,
  GRANULE_MASK,
  GRANULE_SHIFT,
  PAGE_SHIFT,
  PAGE_SIZE,
  WORD_BYTES,
  WORD_SHIFT,
} from "../memory/layout.ts";
import { ALIGNMENT_SHIFT_MAX, classTables, KIND_SHIFT } from "./class-tables.ts";
import type { FastPathContext } from "./fast-path.ts";
import { AreaWord, FULL, Tag } from "./layout.ts";
import { MAX_CLASS_BYTES } from "./size-classes.ts";
import { tagView } from "./tags.ts";

/** log2 of the bytes of a double, the widest store there is. */
const DOUBLE_SHIFT = 3;
/** Up to so many bytes are cleared by a loop, faster than by a call of the engine's own functions. */
const LOOP_MAX_BYTES = 256;

/**
 * malloc's family, as far as it needs no more than the sheaves: calloc, realloc, aligned_alloc. Where it does, or
 * something is wrong, each returns 0, with nothing changed.
 */
export interface FastVariants {
  /** Pops a block for `count` times `sizeBytes`, and clears it. */
  readonly takeCleared: (count: number, sizeBytes: number) => number;
  /**
   * Gives the live block of this slot at `address` a new size: where it stands, while it fills half of its class; or in
   * a block popped from another sheaf, with the little that it holds copied, and the old one pushed.
   */
  readonly resize: (address: number, sizeBytes: number) => number;
  /** Pops a block of the smallest class for the size all of whose blocks are aligned so; from 16 to a page. */
  readonly takeAligned: (alignmentBytes: number, sizeBytes: number) => number;
}

/** The path of a heap that was detached. */
export const NO_FAST_VARIANTS: FastVariants = { takeCleared: () => 0, resize: () => 0, takeAligned: () => 0 };

/**
 * Binds them to one slot of one memory, as `bindFastPath` binds alloc and free, which they repeat: a call within
 * would cost what is saved. Heaps with exact frees have no `resize`.
 */
export function bindFastVariants(context: FastPathContext): FastVariants {
  return {
    takeCleared: bindTakeCleared(context),
    resize: context.hasExactFrees ? NO_FAST_VARIANTS.resize : bindResize(context),
    takeAligned: bindTakeAligned(context),
  };
}

function bindTakeCleared(context: FastPathContext): FastVariants["takeCleared"] {
  // Constants of this function are folded into the code of those within: see fast-path.ts.
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const doubleShift = DOUBLE_SHIFT;
  const loopMaxBytes = LOOP_MAX_BYTES;
  const maxClassBytes = MAX_CLASS_BYTES;
  const { memory, geometry, areaWord, slot } = context;
  const { words, doubles } = memory;
  const tags = tagView(memory, geometry);
  const { kindBySize } = classTables();
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;
  // What lies beyond was added by a growth that these views do not know of: a store there would be lost.
  const doubleCount = doubles.length;

  return (count: number, sizeBytes: number): number => {
    let totalBytes = 0;
    try {
      totalBytes = count * sizeBytes;
      if (count >>> 0 !== count || sizeBytes >>> 0 !== sizeBytes || totalBytes > maxClassBytes) return 0;
    } catch {
      return 0;
    }
    const granuleCount = (totalBytes + granuleMask) >>> granuleShift;
    const topWord = tops + kindBySize[granuleCount];
    const top = words[topWord];
    const block = words[top];
    const granule = (block - base) >>> granuleShift;
    const first = block >>> doubleShift;
    const end = first + (granuleCount << (granuleShift - doubleShift));
    if (tags[granule] !== cachedTag || end > doubleCount) return 0;
    words[topWord] = top - 1;
    tags[granule] = liveTag;
    if (totalBytes > loopMaxBytes) clear(memory, geometry, block >>> 0, totalBytes);
    else for (let index = first; index < end; index++) doubles[index] = 0;
    return block >>> 0;
  };
}

function bindResize(context: FastPathContext): FastVariants["resize"] {
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const granuleBytes = GRANULE;
  const pageShift = PAGE_SHIFT;
  const wordShift = WORD_SHIFT;
  const wordMask = WORD_BYTES - 1;
  const maxClassBytes = MAX_CLASS_BYTES;
  const { memory, geometry, areaWord, slot } = context;
  const loopMaxBytes = BULK_LOOP_BYTES;
  const { words } = memory;
  const tags = tagView(memory, geometry);
  const kinds = new Uint8Array(memory.buffer, geometry.kindTable, geometry.coveredEndFrame - geometry.baseFrame);
  const { kindBySize, bytesByKind } = classTables();
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;
  const wordCount = words.length;

  return (address: number, sizeBytes: number): number => {
    try {
      if (sizeBytes >>> 0 !== sizeBytes || sizeBytes > maxClassBytes || address >>> 0 !== address) return 0;
    } catch {
      return 0;
    }
    const offset = (address - base) >>> 0;
    const granule = offset >>> granuleShift;
    if (tags[granule] !== liveTag || (offset & granuleMask) !== 0) return 0;
    const kind = kinds[offset >>> pageShift];
    const blockBytes = bytesByKind[kind];
    if (blockBytes === 0) return 0;
    if (sizeBytes <= blockBytes && (sizeBytes >= blockBytes >> 1 || blockBytes === granuleBytes)) return address;
    const keptBytes = sizeBytes < blockBytes ? sizeBytes : blockBytes;
    const topWord = tops + kindBySize[(sizeBytes + granuleMask) >>> granuleShift];
    const top = words[topWord];
    const block = words[top];
    const roomWord = tops + kind;
    const pushWord = words[roomWord] + 1;
    const movedGranule = (block - base) >>> granuleShift;
    const from = address >>> wordShift;
    const to = block >>> wordShift;
    const count = (keptBytes + wordMask) >>> wordShift;
    if (tags[movedGranule] !== cachedTag || (words[pushWord] ?? full) === full) return 0;
    if (keptBytes === 0 || from + count > wordCount || to + count > wordCount) return 0;
    words[topWord] = top - 1;
    tags[movedGranule] = liveTag;
    if (keptBytes > loopMaxBytes) copyBytes(memory, block >>> 0, address, keptBytes);
    else for (let index = 0; index < count; index++) words[to + index] = words[from + index];
    words[pushWord] = address;
    tags[granule] = cachedTag;
    words[roomWord] = pushWord;
    return block >>> 0;
  };
}

function bindTakeAligned(context: FastPathContext): FastVariants["takeAligned"] {
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const maxClassBytes = MAX_CLASS_BYTES;
  const alignmentShiftMax = ALIGNMENT_SHIFT_MAX;
  const kindShift = KIND_SHIFT;
  // Leading zeros of the least alignment, a granule.
  const firstBit = Math.clz32(GRANULE);
  const { memory, geometry, areaWord, slot } = context;
  const { words } = memory;
  const tags = tagView(memory, geometry);
  const { kindBySize, kindByAlignment } = classTables();
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;

  return (alignmentBytes: number, sizeBytes: number): number => {
    try {
      if (sizeBytes >>> 0 !== sizeBytes || sizeBytes > maxClassBytes || alignmentBytes >>> 0 !== alignmentBytes)
        return 0;
      const shift = firstBit - Math.clz32(alignmentBytes);
      if ((alignmentBytes & (alignmentBytes - 1)) !== 0 || shift < 0 || shift > alignmentShiftMax) return 0;
      const leastBytes = sizeBytes > alignmentBytes ? sizeBytes : alignmentBytes;
      const kind = kindBySize[(leastBytes + granuleMask) >>> granuleShift];
      const topWord = tops + kindByAlignment[(shift << kindShift) | kind];
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
}
