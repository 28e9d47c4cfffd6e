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

/**
 * kmem with every check left out that a correct program does not need: no size, address or tag is looked at, only
 * whether a sheaf has blocks or room. It exists to be measured: what it saves is what exactness costs. Everything that
 * is not on the fast path is the checked heap's.
 */
export function createHeap(plan: Pick<HeapPlan, "peakLiveBytes" | "memoryBytes">): ReportingHeap<Heap> {
  const heap = createChecked(plan);
  const { slot } = heap;
  const { alloc: checkedAlloc, free: checkedFree } = heap;
  const full = FULL;
  const granuleShift = GRANULE_SHIFT;
  const granuleMask = GRANULE - 1;
  const pageShift = PAGE_SHIFT;
  const maxClassBytes = MAX_CLASS_BYTES;
  const firstCache = FrameKind.FIRST_CACHE;
  const words = new Int32Array(heap.buffer);
  // The heap begins at the first byte of its memory.
  const base = words[Header.BASE_FRAME]! * PAGE_SIZE;
  const header = (field: number): number => words[base / WORD_BYTES + field]! >>> 0;
  const tags = new Uint8Array(heap.buffer, header(Header.TAG_TABLE));
  const kinds = new Uint8Array(heap.buffer, header(Header.KIND_TABLE));
  const sizeCount = MAX_CLASS_BYTES / GRANULE + 1;
  const kindBySize = Uint8Array.from({ length: sizeCount }, (_, granules) => kindFor(granules * GRANULE));
  const slotWord = (header(Header.SLOT_TABLE) + slot * SLOT_RECORD_BYTES) / WORD_BYTES;
  const tops = (words[slotWord + SlotRecord.AREA]! >>> 0) / WORD_BYTES + AreaWord.TOPS;
  const liveTag = slot + 1;
  const sheafTag = Tag.FIRST_IN_SHEAF + slot;

  heap.alloc = (sizeBytes) => {
    if (sizeBytes <= maxClassBytes) {
      const topWord = tops + kindBySize[(sizeBytes + granuleMask) >>> granuleShift]!;
      const top = words[topWord]!;
      const block = words[top]!;
      // The bottom of a sheaf is the heap's own first page.
      if (block !== base) {
        words[topWord] = top - 1;
        tags[(block - base) >>> granuleShift] = liveTag;
        return block >>> 0;
      }
    }
    return checkedAlloc(sizeBytes);
  };

  heap.free = (address) => {
    const offset = address - base;
    const kind = kinds[offset >>> pageShift]!;
    if (kind >= firstCache) {
      const topWord = tops + kind;
      const room = words[topWord]! + 1;
      if (words[room] !== full) {
        words[room] = address;
        tags[offset >>> granuleShift] = sheafTag;
        words[topWord] = room;
        return;
      }
    }
    checkedFree(address);
  };
  return heap;
}
