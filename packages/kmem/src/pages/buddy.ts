import { ASSERTIONS, assert } from "../memory/assert.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { FrameTable } from "./frames.ts";
import { FrameKind, FrameRecord, MAX_ORDER, NO_FRAME, ORDER_COUNT, ZONE_RECORD_WORDS, ZoneRecord } from "./layout.ts";

/** Constants of the functions below once more, as constants of this module: see fast-path.ts. */
const zoneFirstFrame = ZoneRecord.FIRST_FRAME;
const zoneEndFrame = ZoneRecord.END_FRAME;
const zoneFreeFrames = ZoneRecord.FREE_FRAMES;
const zoneFreeHead = ZoneRecord.FREE_HEAD;
const zoneFreeCount = ZoneRecord.FREE_COUNT;
const zoneSearchFrom = ZoneRecord.SEARCH_FROM;
const frameNext = FrameRecord.NEXT;
const framePrev = FrameRecord.PREV;
const frameCount = FrameRecord.COUNT;
const noFrame = NO_FRAME;
const freeHead = FrameKind.FREE_HEAD;
const freeTail = FrameKind.FREE_TAIL;
const maxOrder = MAX_ORDER;
const orderCount: number = ORDER_COUNT;

/** Blocks of a list among which the lowest is taken. */
const LIST_LOOK_COUNT = 8;
/** Free stretches, and frames, that a search for the lowest stretch looks at before it gives up. */
const SEARCH_RUN_COUNT = 16;
const SEARCH_FRAME_COUNT = 4096;

/** The smallest order whose block holds `count` frames; above MAX_ORDER when none does. */
export function orderFor(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

/** The largest order whose block starts at `frame`, aligned, and has at most `count` frames. */
export function largestOrderAt(frame: number, count: number): number {
  const bySize = 31 - Math.clz32(count);
  const byAlignment = frame === 0 ? maxOrder : 31 - Math.clz32(frame & -frame);
  return Math.min(bySize, byAlignment, maxOrder);
}

/**
 * The free lists of one zone: blocks of 2^order frames, aligned to their size, doubly linked through the frame table.
 * A freed block merges with its buddy (`frame ^ 2^order`) for as long as that one is free, whole and in the zone.
 * Documents: the buddy allocators of the Atomik and the Linux pages.
 */
export class Buddy {
  readonly #frames: FrameTable;
  readonly #zone: number;

  constructor(frames: FrameTable, zoneTableAddress: number, zone: number) {
    this.#frames = frames;
    this.#zone = (zoneTableAddress >>> WORD_SHIFT) + zone * ZONE_RECORD_WORDS;
  }

  get(field: number): number {
    return this.#frames.memory.words[this.#zone + field];
  }

  set(field: number, value: number): void {
    this.#frames.memory.words[this.#zone + field] = value;
  }

  get freeFrames(): number {
    return this.get(zoneFreeFrames);
  }

  /** First block of the order's list, or noFrame. */
  head(order: number): number {
    return this.get(zoneFreeHead + order);
  }

  /**
   * Takes a block of the smallest order that serves, gives back its upper half as often as it is too large. Of the
   * first few of a list the lowest is taken: so the memory fills from below, and what was used before is used again.
   */
  take(order: number): number {
    let found = order;
    while (found < orderCount && this.head(found) === noFrame) found++;
    if (found >= orderCount) return noFrame;
    const frame = this.#lowest(found);
    this.#unlink(frame, found);
    while (found > order) {
      found--;
      this.#link(frame + (1 << found), found);
    }
    return frame;
  }

  #lowest(order: number): number {
    const { words } = this.#frames.memory;
    let lowest = this.head(order);
    let frame = lowest;
    for (let look = 1; look < LIST_LOOK_COUNT; look++) {
      frame = words[this.#frames.record(frame) + frameNext];
      if (frame === noFrame) break;
      if (frame < lowest) lowest = frame;
    }
    return lowest;
  }

  /** Returns a stretch of frames to the lists, in the largest aligned blocks, merged with their neighbours. */
  give(first: number, count: number): void {
    if (first < this.get(zoneSearchFrom)) this.set(zoneSearchFrom, first);
    let frame = first;
    let left = count;
    while (left > 0) {
      const order = largestOrderAt(frame, left);
      this.#merge(frame, order);
      frame += 1 << order;
      left -= 1 << order;
    }
  }

  /** Takes exactly this stretch, every frame of which is free; what its blocks hold besides goes back. */
  carve(first: number, count: number): void {
    const end = first + count;
    let frame = this.#headOfFree(first);
    while (frame < end) {
      const order = this.#frames.count(frame);
      const next = frame + (1 << order);
      this.#unlink(frame, order);
      if (frame < first) this.give(frame, first - frame);
      if (next > end) this.give(end, next - end);
      frame = next;
    }
  }

  /**
   * The first stretch of `count` free frames that starts at a multiple of `alignFrames`, made of any neighbouring free
   * blocks, or noFrame; O(frames of the zone), a byte each. It finds what no single block can serve.
   */
  find(count: number, alignFrames: number): number {
    const end = this.get(zoneEndFrame);
    for (let run = this.#nextRun(this.get(zoneFirstFrame)); run.count > 0; run = this.#nextRun(run.end)) {
      const first = Math.ceil(run.first / alignFrames) * alignFrames;
      if (first + count <= run.end) return first;
      if (run.end >= end) break;
    }
    return noFrame;
  }

  /**
   * As {@link find}, but looks at a few free stretches only, from the lowest that was freed on, and at the next few the
   * next time. What it finds was mostly used before, where a whole block would be new memory.
   */
  findLow(count: number, alignFrames: number): number {
    const { bytes } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    const zoneFirst = this.get(zoneFirstFrame);
    const zoneEnd = this.get(zoneEndFrame);
    const hint = this.get(zoneSearchFrom);
    let frame = hint > zoneFirst && hint < zoneEnd ? hint : zoneFirst;
    const limit = Math.min(frame + SEARCH_FRAME_COUNT, zoneEnd);
    for (let look = 0; look < SEARCH_RUN_COUNT; look++) {
      while (frame < limit && bytes[bias + frame] !== freeHead) frame++;
      const first = Math.ceil(frame / alignFrames) * alignFrames;
      while (frame < zoneEnd && bytes[bias + frame] === freeHead) frame += 1 << this.#frames.count(frame);
      if (first + count <= frame) return first;
      if (frame >= limit) break;
    }
    this.set(zoneSearchFrom, frame);
    return noFrame;
  }

  /** Frames in the longest stretch of neighbouring free blocks; O(frames of the zone). */
  longestRun(): number {
    let longest = 0;
    for (let run = this.#nextRun(this.get(zoneFirstFrame)); run.count > 0; run = this.#nextRun(run.end)) {
      longest = Math.max(longest, run.count);
    }
    return longest;
  }

  /** The first frame of the free stretch at the end of the zone; the end itself when the last frame is not free. */
  freeTail(): number {
    const zoneFirst = this.get(zoneFirstFrame);
    let first = this.get(zoneEndFrame);
    while (first > zoneFirst && this.isFree(first - 1, 1)) first--;
    return first;
  }

  /** Whether the stretch is free, all of it, and within the zone. */
  isFree(first: number, count: number): boolean {
    if (first < this.get(zoneFirstFrame) || first + count > this.get(zoneEndFrame)) return false;
    for (let frame = first; frame < first + count; frame++) {
      const kind = this.#frames.kind(frame);
      if (kind !== freeHead && kind !== freeTail) return false;
    }
    return true;
  }

  #nextRun(from: number): { first: number; end: number; count: number } {
    const { bytes } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    const zoneEnd = this.get(zoneEndFrame);
    // Bounded by the zone: behind the last free block a search of the whole buffer would read all that users wrote.
    const index = bytes.subarray(0, bias + zoneEnd).indexOf(freeHead, bias + from);
    if (index < 0) return { first: zoneEnd, end: zoneEnd, count: 0 };
    const first = index - bias;
    let end = first;
    while (end < zoneEnd && bytes[bias + end] === freeHead) end += 1 << this.#frames.count(end);
    return { first, end, count: end - first };
  }

  #headOfFree(frame: number): number {
    let head = frame;
    while (this.#frames.kind(head) === freeTail) head--;
    if (ASSERTIONS) assert(this.#frames.kind(head) === freeHead, `frame ${frame} lies in a free block`);
    return head;
  }

  /**
   * Makes a block free and joins it with its buddies. Only frames that were not free before, and the heads that are
   * none any more, get another kind: what it costs does not depend on how large the block becomes. The first frame's
   * comes after the others': as long as it is the head of a run, COUNT says how long that is.
   */
  #merge(frame: number, order: number): void {
    const first = this.get(zoneFirstFrame);
    const end = this.get(zoneEndFrame);
    const frames = this.#frames;
    frames.fillKind(frame + 1, (1 << order) - 1, freeTail);
    let head = frame;
    let merged = order;
    while (merged < maxOrder) {
      const buddy = head ^ (1 << merged);
      if (buddy < first || buddy + (1 << merged) > end) break;
      if (frames.kind(buddy) !== freeHead || frames.count(buddy) !== merged) break;
      this.#unlink(buddy, merged);
      frames.setKind(Math.max(head, buddy), freeTail);
      head = Math.min(head, buddy);
      merged++;
    }
    this.#link(head, merged);
  }

  /** Puts a block into its list, all of whose frames but the first are marked as the tail of a free block. */
  #link(frame: number, order: number): void {
    const { words } = this.#frames.memory;
    const listWord = this.#zone + zoneFreeHead + order;
    const next = words[listWord];
    const record = this.#frames.record(frame);
    this.#frames.setKind(frame, freeHead);
    words[record + frameNext] = next;
    words[record + framePrev] = noFrame;
    words[record + frameCount] = order;
    if (next !== noFrame) words[this.#frames.record(next) + framePrev] = frame;
    words[listWord] = frame;
    words[this.#zone + zoneFreeCount + order]++;
    words[this.#zone + zoneFreeFrames] += 1 << order;
  }

  #unlink(frame: number, order: number): void {
    const { words } = this.#frames.memory;
    const record = this.#frames.record(frame);
    const next = words[record + frameNext];
    const previous = words[record + framePrev];
    if (previous === noFrame) words[this.#zone + zoneFreeHead + order] = next;
    else words[this.#frames.record(previous) + frameNext] = next;
    if (next !== noFrame) words[this.#frames.record(next) + framePrev] = previous;
    words[this.#zone + zoneFreeCount + order]--;
    words[this.#zone + zoneFreeFrames] -= 1 << order;
  }
}
