import { ASSERTIONS, assert } from "../memory/assert.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import { assertBlock, assertFree, assertListed, assertUsed, assertZone } from "./assertions.ts";
import { type FrameTable, isFreeKind } from "./frames.ts";
import { FreeGroups } from "./free-groups.ts";
import {
  FrameKind,
  FrameRecord,
  GROUP_FRAMES,
  GROUP_SHIFT,
  GroupWord,
  MAX_ORDER,
  MAX_ORDER_FRAMES,
  NO_FRAME,
  ORDER_COUNT,
  ZONE_RECORD_WORDS,
  ZoneRecord,
} from "./layout.ts";

/** Constants of the functions below, repeated as constants of this module: see fast-path.ts. */
const zoneFirstFrame = ZoneRecord.FIRST_FRAME;
const zoneEndFrame = ZoneRecord.END_FRAME;
const zoneFreeFrames = ZoneRecord.FREE_FRAMES;
const zoneFreeList = ZoneRecord.FREE_LIST;
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
const maxOrderFrames: number = MAX_ORDER_FRAMES;
const groupFrames: number = GROUP_FRAMES;
const groupShift = GROUP_SHIFT;
const lengthMask = GroupWord.LENGTH_MASK;
const endShift = GroupWord.END_SHIFT;
const longestShift = GroupWord.LONGEST_SHIFT;

/** The number of blocks at the head of a list of which the lowest is taken. */
const LIST_LOOK_COUNT = 8;
/** The smallest order whose block holds `count` frames; above MAX_ORDER if no block does. */
export function orderFor(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

/** The largest order of an aligned block that starts at `frame` and has at most `count` frames. */
export function largestOrderAt(frame: number, count: number): number {
  const bySize = 31 - Math.clz32(count);
  const byAlignment = frame === 0 ? maxOrder : 31 - Math.clz32(frame & -frame);
  return Math.min(bySize, byAlignment, maxOrder);
}

/**
 * The free lists of one zone: blocks of 2^order frames, aligned to their size, doubly linked through the frame table. A
 * freed block merges with its buddy (`frame ^ 2^order`) repeatedly, as long as the buddy is entirely free and in the
 * zone.
 * Modelled on: the buddy allocators of the seed documents of Atomik and Linux.
 */
export class BuddyZone {
  readonly #frames: FrameTable;
  readonly #zone: number;
  readonly #groups: FreeGroups;

  constructor(frames: FrameTable, zoneTableAddress: number, zone: number) {
    this.#frames = frames;
    this.#groups = new FreeGroups(frames);
    this.#zone = (zoneTableAddress >>> WORD_SHIFT) + zone * ZONE_RECORD_WORDS;
  }

  get(field: number): number {
    return this.#frames.memory.words[this.#zone + field];
  }

  /** Frames from the first zone's start to the heap's end, foreign ones and those of all zones included. */
  get heapSpanFrames(): number {
    return this.#frames.endFrame - this.#frames.firstPageFrame;
  }

  set(field: number, value: number): void {
    this.#frames.memory.words[this.#zone + field] = value;
  }

  get freeFrames(): number {
    return this.get(zoneFreeFrames);
  }

  /** The heap's frames in the zone: not the foreign ones. */
  get managedFrames(): number {
    return this.get(zoneEndFrame) - this.get(zoneFirstFrame) - this.get(ZoneRecord.FOREIGN_FRAMES);
  }

  /** First block of the order's list, or noFrame. */
  head(order: number): number {
    return this.get(zoneFreeList + order);
  }

  /**
   * Takes a block of the smallest order that serves, splitting a larger one as often as needed. Prefers the lowest of
   * the first few blocks of a list, so that memory fills from below and used memory is reused. Keeps the first `count`
   * frames of the block and returns the rest to the lists.
   */
  take(order: number, count: number): number {
    let found = order;
    while (found < orderCount && this.head(found) === noFrame) found++;
    if (found >= orderCount) return noFrame;
    const frame = this.#lowest(found);
    this.#groups.taken(frame, count);
    this.#unlink(frame, found);
    while (found > order) {
      found--;
      this.#link(frame + (1 << found), found);
    }
    this.#relink(frame + count, (1 << order) - count);
    if (ASSERTIONS) {
      assert(frame % (1 << order) === 0, `the block taken at page ${frame} is aligned to its order, ${order}`);
      assertFree(this.#frames, frame, count);
      assertZone(this);
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

  /** Returns a range of frames to the lists, in the largest aligned blocks, merged with their buddies. */
  give(first: number, count: number): void {
    if (ASSERTIONS) {
      const [zoneFirst, zoneEnd] = [this.get(zoneFirstFrame), this.get(zoneEndFrame)];
      assert(first >= zoneFirst && first + count <= zoneEnd, `${count} pages from ${first} on lie in their zone`);
      assertUsed(this.#frames, first, count);
    }
    this.#groups.given(first, count);
    this.#lowerSearch(first, count);
    let frame = first;
    let left = count;
    while (left > 0) {
      const order = largestOrderAt(frame, left);
      this.#merge(frame, order);
      frame += 1 << order;
      left -= 1 << order;
    }
    if (ASSERTIONS) {
      assertFree(this.#frames, first, count);
      assertZone(this);
    }
  }

  /** Returns the rest of a split block: its parts have no free buddies, and their frames are already marked as free. */
  #relink(first: number, count: number): void {
    let frame = first;
    let left = count;
    while (left > 0) {
      const order = largestOrderAt(frame, left);
      this.#link(frame, order);
      frame += 1 << order;
      left -= 1 << order;
    }
  }

  /** After a free: lowers the start of later searches to the enlarged free range, for all orders that fit into it. */
  #lowerSearch(freed: number, count: number): void {
    const { bytes, words } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    const zoneFirst = words[this.#zone + zoneFirstFrame];
    const zoneEnd = words[this.#zone + zoneEndFrame];
    let end = freed + count;
    let first = freed;
    while (end < zoneEnd && bytes[bias + end] === freeHead && end - freed < maxOrderFrames) {
      end += 1 << this.#frames.order(end);
    }
    while (first > zoneFirst && isFreeKind(bytes[bias + first - 1]) && freed - first < maxOrderFrames) {
      first = this.#headOfFree(first - 1);
    }
    const index = this.#zone + zoneSearchFrom;
    for (let order = Math.min(31 - Math.clz32(end - first), maxOrder); order >= 0; order--) {
      if (words[index + order] > first) words[index + order] = first;
    }
  }

  /** Takes exactly this range, every frame of which is free; returns the rest of its blocks to the lists. */
  carve(first: number, count: number): void {
    const end = first + count;
    if (ASSERTIONS) assertFree(this.#frames, first, count);
    this.#groups.taken(first, count);
    let frame = this.#headOfFree(first);
    while (frame < end) {
      const order = this.#frames.order(frame);
      const next = frame + (1 << order);
      this.#unlink(frame, order);
      if (frame < first) this.#relink(frame, first - frame);
      if (next > end) this.#relink(end, next - end);
      frame = next;
    }
    if (ASSERTIONS) assertZone(this);
  }

  /**
   * First fit by address: the first contiguous free range of `count` frames, aligned to `alignFrames`, made of any
   * adjacent free blocks, or noFrame. Starts at SEARCH_FROM of the order below `count`, where the first free range of
   * that order may be. O(groups of 64 frames from there on).
   */
  find(count: number, alignFrames: number): number {
    const order = Math.min(31 - Math.clz32(count), maxOrder);
    const from = this.get(zoneSearchFrom + order);
    const found = this.#findFrom(from, count, alignFrames, order);
    // The start word may have been overwritten by a stray store, so a failed search is repeated from the zone's start.
    const zoneFirst = this.get(zoneFirstFrame);
    return found !== noFrame || from <= zoneFirst ? found : this.#findFrom(zoneFirst, count, alignFrames, order);
  }

  #findFrom(from: number, count: number, alignFrames: number, order: number): number {
    const { words } = this.#frames.memory;
    const { groupBias } = this.#frames;
    const zoneFirst = this.get(zoneFirstFrame);
    const zoneEnd = this.get(zoneEndFrame);
    const enough = 1 << order;
    let base = from > zoneFirst && from < zoneEnd ? Math.max(from & -groupFrames, zoneFirst) : zoneFirst;
    // `length`: the free frames directly before `base`. `lowest`: no free range of the order's size starts before it.
    let length = 0;
    let lowest = -1;
    while (base < zoneEnd) {
      const end = Math.min((base & -groupFrames) + groupFrames, zoneEnd);
      const noted = words[groupBias + (base >>> groupShift)];
      const word = noted === 0 ? this.#groups.word(base, end) : noted;
      const atStart = word & lengthMask;
      const longest = (word >>> longestShift) & lengthMask;
      length += atStart;
      if (length >= enough || longest >= enough) {
        const start = base + atStart - length;
        if (lowest < 0) lowest = length >= enough ? start : base;
        if (length >= count) {
          const first = Math.ceil(start / alignFrames) * alignFrames;
          if (first + count <= start + length) return this.#found(first, order, lowest);
        }
        if (longest >= count && atStart < end - base) {
          const first = this.#findWithin(base + atStart, end, count, alignFrames);
          if (first !== noFrame) return this.#found(first, order, lowest);
        }
      }
      if (atStart < end - base) length = (word >>> endShift) & lengthMask;
      base = end;
    }
    return noFrame;
  }

  #found(first: number, order: number, lowest: number): number {
    if (ASSERTIONS) {
      assert(lowest <= first, `the search for order ${order} next begins no further up than page ${first}`);
      assertFree(this.#frames, first, 1);
    }
    this.set(zoneSearchFrom + order, lowest);
    return first;
  }

  /** As {@link find}, for the frames from `base` to `end`. */
  #findWithin(base: number, end: number, count: number, alignFrames: number): number {
    const { bytes } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    for (let frame = base; frame + count <= end; frame++) {
      if (bytes[bias + frame] !== freeHead) continue;
      const first = Math.ceil(frame / alignFrames) * alignFrames;
      while (frame < end && bytes[bias + frame] === freeHead) frame += 1 << this.#frames.order(frame);
      if (first + count <= Math.min(frame, end)) return first;
    }
    return noFrame;
  }

  /** Frames in the longest contiguous free range; O(frames of the zone). */
  longestFreeRange(): number {
    let longest = 0;
    for (let run = this.#nextFreeRange(this.get(zoneFirstFrame)); run.count > 0; run = this.#nextFreeRange(run.end)) {
      longest = Math.max(longest, run.count);
    }
    return longest;
  }

  /** The first frame of the contiguous free range at the zone's end; the end itself if the last frame is not free. */
  trailingFreeStart(): number {
    const zoneFirst = this.get(zoneFirstFrame);
    let first = this.get(zoneEndFrame);
    while (first > zoneFirst && this.isFree(first - 1, 1)) first--;
    return first;
  }

  /** Whether the range is entirely free and within the zone. */
  isFree(first: number, count: number): boolean {
    if (first < this.get(zoneFirstFrame) || first + count > this.get(zoneEndFrame)) return false;
    for (let frame = first; frame < first + count; frame++) {
      const kind = this.#frames.kind(frame);
      if (kind !== freeHead && kind !== freeTail) return false;
    }
    return true;
  }

  #nextFreeRange(from: number): { first: number; end: number; count: number } {
    const { bytes } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    const zoneEnd = this.get(zoneEndFrame);
    // Bounded by the zone: otherwise a search after the last free block would scan all user data in the buffer.
    const index = bytes.subarray(0, bias + zoneEnd).indexOf(freeHead, bias + from);
    if (index < 0) return { first: zoneEnd, end: zoneEnd, count: 0 };
    const first = index - bias;
    let end = first;
    while (end < zoneEnd && bytes[bias + end] === freeHead) end += 1 << this.#frames.order(end);
    return { first, end, count: end - first };
  }

  #headOfFree(frame: number): number {
    const { bytes } = this.#frames.memory;
    const bias = this.#frames.kindBias;
    for (let order = 0; order <= maxOrder; order++) {
      const head = frame & -(1 << order);
      if (bytes[bias + head] === freeHead) return head;
    }
    if (ASSERTIONS) assert(false, `frame ${frame} lies in a free block`);
    return frame;
  }

  /**
   * Makes a block free and merges it with its buddies. Only newly freed frames, and heads that stop being heads, change
   * their kind, so the cost does not depend on the size of the merged block. The first frame's kind changes last: as
   * long as that frame is the head of a run, COUNT gives the run's length.
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
      if (frames.kind(buddy) !== freeHead || frames.order(buddy) !== merged) break;
      this.#unlink(buddy, merged);
      frames.setKind(Math.max(head, buddy), freeTail);
      head = Math.min(head, buddy);
      merged++;
    }
    this.#link(head, merged);
  }

  /** Puts a block on its list. All its frames but the first are already marked as the tail of a free block. */
  #link(frame: number, order: number): void {
    const { words } = this.#frames.memory;
    const listWord = this.#zone + zoneFreeList + order;
    const next = words[listWord];
    const record = this.#frames.record(frame);
    if (ASSERTIONS) assertBlock(frame, order);
    this.#frames.setKind(frame, freeHead);
    words[record + frameNext] = next;
    words[record + framePrev] = noFrame;
    words[record + frameCount] = order;
    if (next !== noFrame) words[this.#frames.record(next) + framePrev] = frame;
    words[listWord] = frame;
    words[this.#zone + zoneFreeCount + order]++;
    words[this.#zone + zoneFreeFrames] += 1 << order;
    if (ASSERTIONS) assertListed(this.#frames, this, frame, order);
  }

  #unlink(frame: number, order: number): void {
    if (ASSERTIONS) assertListed(this.#frames, this, frame, order);
    const { words } = this.#frames.memory;
    const record = this.#frames.record(frame);
    const next = words[record + frameNext];
    const previous = words[record + framePrev];
    if (previous === noFrame) words[this.#zone + zoneFreeList + order] = next;
    else words[this.#frames.record(previous) + frameNext] = next;
    if (next !== noFrame) words[this.#frames.record(next) + framePrev] = previous;
    words[this.#zone + zoneFreeCount + order]--;
    words[this.#zone + zoneFreeFrames] -= 1 << order;
  }
}
