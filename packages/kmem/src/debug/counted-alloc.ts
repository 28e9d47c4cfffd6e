import { GRANULE_MASK, GRANULE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { classTables } from "../slab/class-tables.ts";
import type { FastPathContext } from "../slab/fast-path.ts";
import { AreaWord, Tag } from "../slab/layout.ts";
import { MAX_CLASS_BYTES } from "../slab/size-classes.ts";
import { tagView } from "../slab/tags.ts";

/**
 * `alloc` of the fast path with a counter, the slot's SAMPLE_IN: calls go the fast path until it has run out, and all
 * that do not, for want of a block or because it has, go to `slow`, which is to count them or to set it again. Written
 * out once more, and with one slow call as there, since the engine puts functions that are larger into no caller: so
 * the counter costs nothing that could be measured; put around `alloc` it costs a tenth.
 */
export function bindCountedAlloc(
  context: FastPathContext,
  slow: (sizeBytes: number) => number,
): (sizeBytes: number) => number {
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE_MASK;
  const maxClassBytes = MAX_CLASS_BYTES;
  const { memory, geometry, areaWord, slot } = context;
  const words = memory.words;
  const tags = tagView(memory, geometry);
  const { kindBySize } = classTables();
  const base = geometry.baseFrame * PAGE_SIZE;
  const tops: number = areaWord + AreaWord.TOPS;
  const liveTag = slot + 1;
  const cachedTag = Tag.FIRST_CACHED + slot;
  const countWord: number = areaWord + AreaWord.SAMPLE_IN;
  return (sizeBytes) => {
    try {
      const left = words[countWord] - 1;
      if (left > 0 && sizeBytes >>> 0 === sizeBytes && sizeBytes <= maxClassBytes) {
        const topWord = tops + kindBySize[(sizeBytes + granuleMask) >>> granuleShift];
        const top = words[topWord];
        const block = words[top];
        const granule = (block - base) >>> granuleShift;
        if (tags[granule] === cachedTag) {
          words[countWord] = left;
          words[topWord] = top - 1;
          tags[granule] = liveTag;
          return block >>> 0;
        }
      }
    } catch {
      // Does not convert to a number: the slow path reports it.
    }
    return slow(sizeBytes);
  };
}
