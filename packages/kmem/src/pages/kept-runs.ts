import { ASSERTIONS } from "../memory/assert.ts";
import { assertRun } from "./assertions.ts";
import type { BuddyZone } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { KEPT_PAGES_MIN, KEPT_RUNS_HEADER, KEPT_RUNS_MAX, KEPT_RUNS_WORD, NO_FRAME, RunKind } from "./layout.ts";

/** A kept run exceeds the smallest request that rounds to `count` pages by less than one part in so many. */
const SLACK_DIVISOR = 8;
/** When there is no room, one freed run in so many evicts the oldest; the others go to the free lists, which is fast. */
const EVICT_INTERVAL = 8;
/** log2 of the divisor of the pages in use that gives what all slots may keep: a thirty-second. */
const KEPT_SHARE_SHIFT = 5;
/** The least limit of a slot that is alone: a block of 256 KiB that comes and goes by itself is kept. */
const KEPT_PAGES_FLOOR = 64;
/** log2 of the divisor of the free pages: an eighth of them at most is kept. */
const KEPT_FREE_SHARE_SHIFT = 3;

/** Whether blocks of so many pages are kept when they are freed. */
export function isKeepable(count: number, kind: number): boolean {
  return kind === RunKind.LARGE_BLOCK && count >= KEPT_PAGES_MIN;
}

/** Pages that each of so many slots may keep of a zone. */
export function keptPagesMax(zone: Pick<BuddyZone, "freeFrames" | "managedFrames">, slotCount: number): number {
  const { freeFrames } = zone;
  const used = zone.managedFrames - freeFrames;
  const freeShare = freeFrames >> KEPT_FREE_SHARE_SHIFT;
  const share = used >> KEPT_SHARE_SHIFT;
  // Other slots cannot use kept pages, so they share the limit.
  return slotCount > 1
    ? Math.floor(Math.min(share, freeShare) / slotCount)
    : Math.min(Math.max(share, KEPT_PAGES_FLOOR), freeShare);
}

/**
 * The long runs that one slot keeps when its blocks are freed, for blocks of about that length to come, by the index of
 * their first word. One thread, the slot's holder, works on it; each run is the slot's, CLAIMED and of kind CACHED.
 * The oldest is evicted first.
 */
export class KeptRuns {
  readonly #frames: FrameTable;
  readonly #countWord: number;
  readonly #firstWord: number;

  constructor(frames: FrameTable, pageCacheWord: number) {
    this.#frames = frames;
    this.#countWord = pageCacheWord + KEPT_RUNS_WORD;
    this.#firstWord = this.#countWord + KEPT_RUNS_HEADER;
  }

  get count(): number {
    return this.#frames.memory.words[this.#countWord];
  }

  /**
   * Takes the most recently kept run of `count` pages, or of a few more as SLACK_DIVISOR allows, and makes it the run
   * of a large block with this owner. NO_FRAME where there is none. O(kept runs).
   */
  take(count: number, owner: number): number {
    const frames = this.#frames;
    const { words } = frames.memory;
    const most = Math.max(count, Math.ceil((count - 1) * (1 + 1 / SLACK_DIVISOR)) - 1);
    for (let word = this.#firstWord + this.count - 1; word >= this.#firstWord; word--) {
      const pages = frames.count(words[word]);
      if (pages < count || pages > most) continue;
      const frame = this.#remove(word);
      frames.setRun(frame, pages, RunKind.LARGE_BLOCK);
      frames.setOwner(frame, owner);
      return frame;
    }
    return NO_FRAME;
  }

  /** Takes the oldest run, or returns NO_FRAME. O(kept runs). */
  takeOldest(): number {
    return this.count > 0 ? this.#remove(this.#firstWord) : NO_FRAME;
  }

  /** Whether another run of so many pages may be kept within a limit of pages. O(kept runs). */
  hasRoom(count: number, pagesMax: number): boolean {
    const { words } = this.#frames.memory;
    const kept = words[this.#countWord];
    if (kept >= KEPT_RUNS_MAX) return false;
    let pages = count;
    for (let index = 0; index < kept; index++) pages += this.#frames.count(words[this.#firstWord + index]);
    return pages <= pagesMax;
  }

  /** Counts a run that there was no room for; true for one in EVICT_INTERVAL: it evicts the oldest ones. */
  countOverflow(): boolean {
    const { words } = this.#frames.memory;
    words[this.#countWord + 1] = (words[this.#countWord + 1] + 1) % EVICT_INTERVAL;
    return words[this.#countWord + 1] === 0;
  }

  /** Keeps a run for which there is room. */
  keep(frame: number): void {
    const { words } = this.#frames.memory;
    if (ASSERTIONS) assertRun(this.#frames, frame, this.#frames.count(frame), RunKind.CACHED);
    words[this.#firstWord + words[this.#countWord]] = frame;
    words[this.#countWord]++;
  }

  #remove(word: number): number {
    const { words } = this.#frames.memory;
    const frame = words[word];
    const last = this.#firstWord + words[this.#countWord] - 1;
    if (ASSERTIONS) assertRun(this.#frames, frame, this.#frames.count(frame), RunKind.CACHED);
    for (let next = word; next < last; next++) words[next] = words[next + 1];
    words[this.#countWord]--;
    return frame;
  }
}
