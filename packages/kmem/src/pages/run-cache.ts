import { ASSERTIONS } from "../memory/assert.ts";
import { assertRun } from "./assertions.ts";
import type { BuddyZone } from "./buddy.ts";
import type { FrameTable } from "./frames.ts";
import { NO_FRAME, RUN_CACHE_HEADER, RUN_CACHE_MAX, RUN_CACHE_PAGES_MIN, RUN_CACHE_WORD, RunKind } from "./layout.ts";

/** A cached run serves a request if it exceeds its bytes by less than one part in so many. */
const SLACK_DIVISOR = 8;
/** When the cache is full, one freed run in so many evicts the oldest; the others go straight to the free lists. */
const EVICT_INTERVAL = 8;
/** log2 of the divisor of the pages in use: all run caches together hold a thirty-second of these at most. */
const RUN_CACHE_SHARE_SHIFT = 5;
/** The limit of a slot that is alone, in small heaps: a block of 256 KiB that comes and goes by itself stays cached. */
const RUN_CACHE_PAGES_FLOOR = 64;
/** log2 of the divisor of the free pages: an eighth of them at most is cached. */
const RUN_CACHE_FREE_SHARE_SHIFT = 3;

/** Whether the runs of blocks of so many pages are cached when they are freed. */
export function isCacheable(count: number, kind: number): boolean {
  return kind === RunKind.LARGE_BLOCK && count >= RUN_CACHE_PAGES_MIN;
}

/** Pages of a zone that the run cache of each of so many slots may hold. */
export function runCachePagesMax(zone: Pick<BuddyZone, "freeFrames" | "managedFrames">, slotCount: number): number {
  const { freeFrames } = zone;
  const used = zone.managedFrames - freeFrames;
  const freeShare = freeFrames >> RUN_CACHE_FREE_SHARE_SHIFT;
  const share = used >> RUN_CACHE_SHARE_SHIFT;
  // Other slots cannot use cached pages, so they share the limit.
  return slotCount > 1
    ? Math.floor(Math.min(share, freeShare) / slotCount)
    : Math.min(Math.max(share, RUN_CACHE_PAGES_FLOOR), freeShare);
}

/**
 * Long runs of one slot whose blocks are freed, for blocks of about that length to come, by the index of their first
 * word. One thread, the slot's holder, works on it; each run is the slot's, CLAIMED and of kind CACHED.
 * The oldest is evicted first.
 */
export class RunCache {
  readonly #frames: FrameTable;
  readonly #countWord: number;
  readonly #firstWord: number;

  constructor(frames: FrameTable, pcpWord: number) {
    this.#frames = frames;
    this.#countWord = pcpWord + RUN_CACHE_WORD;
    this.#firstWord = this.#countWord + RUN_CACHE_HEADER;
  }

  get count(): number {
    return this.#frames.memory.words[this.#countWord];
  }

  /**
   * Takes the most recently cached run of `count` pages, or of a few more as SLACK_DIVISOR allows, and makes it the run
   * of a large block with this owner. NO_FRAME where there is none. O(cached runs).
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

  /** Takes the oldest run, or returns NO_FRAME. O(cached runs). */
  takeOldest(): number {
    return this.count > 0 ? this.#remove(this.#firstWord) : NO_FRAME;
  }

  /** Whether another run of so many pages may be cached within a limit of pages. O(cached runs). */
  hasRoom(count: number, pagesMax: number): boolean {
    const { words } = this.#frames.memory;
    const cached = words[this.#countWord];
    if (cached >= RUN_CACHE_MAX) return false;
    let pages = count;
    for (let index = 0; index < cached; index++) pages += this.#frames.count(words[this.#firstWord + index]);
    return pages <= pagesMax;
  }

  /** Counts a run that there was no room for; true for one in EVICT_INTERVAL: it evicts the oldest ones. */
  countOverflow(): boolean {
    const { words } = this.#frames.memory;
    words[this.#countWord + 1] = (words[this.#countWord + 1] + 1) % EVICT_INTERVAL;
    return words[this.#countWord + 1] === 0;
  }

  /** Adds a run for which there is room. */
  push(frame: number): void {
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
