import { PAGE_SIZE } from "kmem";
import {
  FrameKind,
  GRANULE,
  OwnerMark,
  RunOwner,
  SLAB_FREE_MASK,
  SLAB_HEAD_MASK,
  SLAB_OFFSET_SHIFT,
} from "kmem/layout";
import type { DumpModel } from "./dump-model.ts";
import { isRunHead, isRunTail } from "./frame-states.ts";
import { type CacheShape, frameWords } from "./heap-tables.ts";

/** Pages that belong together: a free block, a run, a slab, or a stretch that is not the heap's. */
export interface PageGroup {
  readonly firstFrame: number;
  readonly pageCount: number;
}

/** A slab, as the record of its first page has it. */
export interface Slab extends PageGroup {
  readonly cache: CacheShape;
  /** Address of its first block. */
  readonly firstBlock: number;
  /** Free blocks that lie in it, as it says itself. */
  readonly freeBlocks: number;
}

/** No run and no slab is followed further back than this: what a damaged table says may lead anywhere. */
const STEPS_MAX = 2 ** 20;

/** The pages that a page belongs to. O(pages of them). */
export function groupOf(model: DumpModel, frame: number): PageGroup {
  const { kinds, tables } = model;
  const kind = kinds[frame];
  if (tables === undefined || kind === undefined) return { firstFrame: frame, pageCount: 1 };
  const state = model.stateOf(frame);
  if (state === "slab") {
    const slab = slabOf(model, frame);
    return slab ?? { firstFrame: frame, pageCount: 1 };
  }
  if (state === "free") return freeBlockOf(model, frame);
  if (isRunHead(kind) || isRunTail(kind)) return runOf(model, frame);
  return stretchOf(model, frame);
}

/** The free block of the buddy lists that a page lies in. */
function freeBlockOf(model: DumpModel, frame: number): PageGroup {
  const { kinds } = model;
  let head = frame;
  for (let steps = 0; kinds[head] === FrameKind.FREE_TAIL && steps < STEPS_MAX; steps++) head -= 1;
  if (kinds[head] !== FrameKind.FREE_HEAD) return { firstFrame: frame, pageCount: 1 };
  const { count: order } = frameWords(model.memory, model.tables!, head);
  const pageCount = order <= 10 ? 2 ** order : 1;
  return head + pageCount > frame ? { firstFrame: head, pageCount } : { firstFrame: frame, pageCount: 1 };
}

/** The run that a page lies in: from its head, over as many pages as the record and the kinds agree on. */
function runOf(model: DumpModel, frame: number): PageGroup {
  const { kinds } = model;
  let head = frame;
  for (let steps = 0; isRunTail(kinds[head]!) && steps < STEPS_MAX; steps++) head -= 1;
  const tail = kinds[head]! + 1;
  const { count } = frameWords(model.memory, model.tables!, head);
  let pageCount = 1;
  while (pageCount < count && kinds[head + pageCount] === tail) pageCount += 1;
  return head + pageCount > frame ? { firstFrame: head, pageCount } : { firstFrame: frame, pageCount: 1 };
}

/** Pages of one state around a page. */
function stretchOf(model: DumpModel, frame: number): PageGroup {
  const state = model.stateOf(frame);
  let first = frame;
  while (first > 0 && model.stateOf(first - 1) === state) first -= 1;
  let end = frame + 1;
  while (end < model.kinds.length && model.stateOf(end) === state) end += 1;
  return { firstFrame: first, pageCount: end - first };
}

/** The slab that a page belongs to; undefined where its record leads nowhere. */
export function slabOf(model: DumpModel, frame: number): Slab | undefined {
  const { tables, caches, kinds, memory } = model;
  const kind = kinds[frame];
  const cache = kind === undefined ? undefined : caches.get(kind);
  if (tables === undefined || cache === undefined) return undefined;
  const { head } = frameWords(memory, tables, frame);
  const firstFrame = head & SLAB_HEAD_MASK;
  if (firstFrame > frame || frame >= firstFrame + cache.slabPages || kinds[firstFrame] !== kind) return undefined;
  if (firstFrame < tables.firstPageFrame || firstFrame + cache.slabPages > tables.endFrame) return undefined;
  const firstBlock = firstFrame * PAGE_SIZE + (head >>> SLAB_OFFSET_SHIFT) * GRANULE;
  const freeBlocks = Math.min(frameWords(memory, tables, firstFrame).count & SLAB_FREE_MASK, cache.slabBlocks);
  return { firstFrame, pageCount: cache.slabPages, cache, firstBlock, freeBlocks };
}

/** Every slab of a heap, or of one cache, in the order of addresses. O(pages). */
export function* slabsOf(model: DumpModel, onlyKind?: number): Generator<Slab> {
  const { tables, kinds } = model;
  if (tables === undefined) return;
  for (let frame = tables.firstPageFrame; frame < tables.endFrame; frame++) {
    const kind = kinds[frame]!;
    if (kind < FrameKind.FIRST_CACHE || (onlyKind !== undefined && kind !== onlyKind)) continue;
    const slab = slabOf(model, frame);
    if (slab === undefined || slab.firstFrame !== frame) continue;
    yield slab;
    frame += slab.pageCount - 1;
  }
}

const MARK_NAMES = new Map<number, string>([
  [OwnerMark.BUCKET_STATE >>> 0, "the engine of buckets"],
  [OwnerMark.BUCKET >>> 0, "a bucket"],
  [OwnerMark.DMA_BUFFER >>> 0, "a buffer for DMA"],
  [OwnerMark.LINUX_ANCHOR >>> 0, "the anchor of the Linux face"],
  [OwnerMark.VMALLOC_ROOT >>> 0, "the root of virtual memory"],
  [OwnerMark.TRACE_RING >>> 0, "a ring of trace events"],
  [OwnerMark.DEBUG_ROOT >>> 0, "the root of the debugged heap"],
  [OwnerMark.DEBUG_DEPOT >>> 0, "the depot of call stacks"],
]);

/** Who answers for the run that starts at a page: a slot, the heap, or what is kept there. */
export interface RunHolder {
  readonly slot: number | undefined;
  readonly text: string;
}

/** Reads the owner of the run that starts at a page. */
export function holderOf(model: DumpModel, firstFrame: number): RunHolder {
  const { head: owner } = frameWords(model.memory, model.tables!, firstFrame);
  const mark = MARK_NAMES.get(owner);
  if (mark !== undefined) return { slot: undefined, text: mark };
  const slot = (owner & RunOwner.SLOT_MASK) - 1;
  if (slot < 0) return { slot: undefined, text: "the heap itself" };
  return { slot, text: `slot ${slot}${(owner & RunOwner.CLAIMED) === 0 ? "" : ", on its way back"}` };
}
