import type { Heap } from "kmem";
import {
  AreaWord,
  CLASS_COUNT,
  classBytes,
  FrameKind,
  FULL,
  GRANULE,
  Header,
  MAX_CLASS_BYTES,
  PAGE_SIZE,
  SLOT_RECORD_BYTES,
  SlotRecord,
  Tag,
  WORD_BYTES,
} from "kmem/layout";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { createHeap as createChecked } from "./kmem.ts";
import type { ReportingHeap } from "./with-reports.ts";

const GRANULE_SHIFT: number = Math.log2(GRANULE);
const PAGE_SHIFT: number = Math.log2(PAGE_SIZE);

/** The kind of the smallest size class that holds a size. */
function kindFor(sizeBytes: number): number {
  const index = Array.from({ length: CLASS_COUNT }, (_, each) => classBytes(each)).findIndex((b) => b >= sizeBytes);
  return FrameKind.FIRST_CACHE + index;
}

/** What the paths below read and write. */
interface Views {
  readonly words: Int32Array;
  readonly tags: Uint8Array;
  readonly kinds: Uint8Array;
  /** The heap's first byte; the bottom of a sheaf has it for an entry. */
  readonly base: number;
  /** Index in `words` of the top of kind 0. */
  readonly tops: number;
  readonly liveTag: number;
  readonly cachedTag: number;
}

function viewsOf({ buffer, slot }: Heap): Views {
  const words = new Int32Array(buffer);
  // The heap begins at the first byte of its memory.
  const base = words[Header.BASE_FRAME]! * PAGE_SIZE;
  const header = (field: number): number => words[base / WORD_BYTES + field]! >>> 0;
  const slotWord = (header(Header.SLOT_TABLE) + slot * SLOT_RECORD_BYTES) / WORD_BYTES;
  return {
    words,
    tags: new Uint8Array(buffer, header(Header.TAG_TABLE), (buffer.byteLength - base) / GRANULE),
    kinds: new Uint8Array(buffer, header(Header.KIND_TABLE)),
    base,
    tops: (words[slotWord + SlotRecord.AREA]! >>> 0) / WORD_BYTES + AreaWord.TOPS,
    liveTag: slot + 1,
    cachedTag: Tag.FIRST_CACHED + slot,
  };
}

/**
 * kmem with everything left out that a correct program does not need: no size, address or tag is looked at, and none is
 * written, only whether a sheaf has blocks or room. It exists to be measured: what it saves is what exactness costs.
 * A live block of a class is tagged as in the sheaf, as it was before it was popped and as it will be after it was
 * pushed. All that is not on the paths of alloc and free is the checked heap's, which wants to see a live tag: blocks
 * get one before such a call and lose it after it.
 */
export function createHeap(plan: Pick<HeapPlan, "peakLiveBytes">): ReportingHeap<Heap> {
  const heap = createChecked(plan);
  const views = viewsOf(heap);
  const tagged = bindTagged(views);
  bindOthers(heap, views, tagged);
  bindPaths(heap, views, tagged);
  bindReports(heap, views);
  return heap;
}

/** Tags a block of a class, as live for the checked heap or as in the sheaf for this one; returns its address. */
type Tagged = (address: number, tag: number) => number;

function bindTagged({ tags, kinds, base }: Views): Tagged {
  return (address, tag) => {
    const offset = address - base;
    if (address !== 0 && kinds[offset >>> PAGE_SHIFT]! >= FrameKind.FIRST_CACHE) tags[offset >>> GRANULE_SHIFT] = tag;
    return address;
  };
}

function bindPaths(heap: Heap, { words, kinds, base, tops, liveTag, cachedTag }: Views, tagged: Tagged): void {
  const { alloc: checkedAlloc, free: checkedFree } = heap;
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE - 1;
  const pageShift = PAGE_SHIFT;
  const maxClassBytes = MAX_CLASS_BYTES;
  const firstCache = FrameKind.FIRST_CACHE;
  const sizeCount = MAX_CLASS_BYTES / GRANULE + 1;
  const kindBySize = Uint8Array.from({ length: sizeCount }, (_, granules) => kindFor(granules * GRANULE));

  heap.alloc = (sizeBytes) => {
    if (sizeBytes <= maxClassBytes) {
      const topWord = tops + kindBySize[(sizeBytes + granuleMask) >>> granuleShift]!;
      const top = words[topWord]!;
      const block = words[top]!;
      if (block !== base) {
        words[topWord] = top - 1;
        return block >>> 0;
      }
    }
    return tagged(checkedAlloc(sizeBytes), cachedTag);
  };

  heap.free = (address) => {
    const kind = kinds[(address - base) >>> pageShift]!;
    if (kind >= firstCache) {
      const topWord = tops + kind;
      const room = words[topWord]! + 1;
      if (words[room] !== full) {
        words[room] = address;
        words[topWord] = room;
        return;
      }
    }
    checkedFree(tagged(address, liveTag));
  };
}

function bindOthers(heap: Heap, { liveTag, cachedTag }: Views, tagged: Tagged): void {
  const calloc = heap.calloc.bind(heap);
  const realloc = heap.realloc.bind(heap);
  const alignedAlloc = heap.alignedAlloc.bind(heap);
  const usableSize = heap.usableSize.bind(heap);
  heap.calloc = (count, sizeBytes) => tagged(calloc(count, sizeBytes), cachedTag);
  heap.alignedAlloc = (alignmentBytes, sizeBytes) => tagged(alignedAlloc(alignmentBytes, sizeBytes), cachedTag);
  heap.realloc = (address, sizeBytes) => {
    const resized = realloc(tagged(address, liveTag), sizeBytes);
    // One that has moved was pushed by the free above, which writes no tag.
    if (resized !== address) tagged(address, cachedTag);
    return tagged(resized, cachedTag);
  };
  heap.usableSize = (address) => {
    const usableBytes = usableSize(tagged(address, liveTag));
    tagged(address, cachedTag);
    return usableBytes;
  };
}

/** The reports are about the heap as the checked one would be: blocks that are in no sheaf are live meanwhile. */
function bindReports(heap: ReportingHeap<Heap>, { words, tags, base, tops, liveTag, cachedTag }: Views): void {
  const { check, stats } = heap;
  const withLiveTags = <Result>(report: () => Result): Result => {
    const inSheaves = new Set<number>();
    for (let kind = FrameKind.FIRST_CACHE; kind < FrameKind.FIRST_CACHE + CLASS_COUNT; kind++) {
      for (let word = words[tops + kind]!; words[word] !== base; word--) {
        inSheaves.add((words[word]! - base) >>> GRANULE_SHIFT);
      }
    }
    const live: number[] = [];
    for (let granule = tags.indexOf(cachedTag); granule >= 0; granule = tags.indexOf(cachedTag, granule + 1)) {
      if (!inSheaves.has(granule)) live.push(granule);
    }
    for (const granule of live) tags[granule] = liveTag;
    const result = report();
    for (const granule of live) tags[granule] = cachedTag;
    return result;
  };
  heap.check = () => withLiveTags(check);
  heap.stats = () => withLiveTags(stats);
}
