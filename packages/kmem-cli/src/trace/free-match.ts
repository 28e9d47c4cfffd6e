/** How many of one family's frees met a live block. */
export interface FreeMatch {
  /** Frees of anything but null: what the match rate is a part of. */
  readonly freeCount: number;
  /** Frees of null, which mean nothing and are not in `freeCount`. */
  readonly nullFreeCount: number;
  /** Frees of an address that was live: allocated earlier in the same trace and not freed since. */
  readonly matchedCount: number;
  /** Frees of an address that was not live; they are skipped. */
  readonly unknownCount: number;
}

/** Frees of pages that met a live block, in all ways that they can. */
export interface PageFreeMatch extends FreeMatch {
  /** Frees that began inside a live block and not at its head; neither in `matchedCount` nor in `unknownCount`. */
  readonly insideCount: number;
  /** Frees, at the head or inside, that gave back a part of a block and not all of it. */
  readonly pieceCount: number;
}

/** A FreeMatch that is being counted. */
export type FreeMatchCounter = { -readonly [Key in keyof FreeMatch]: FreeMatch[Key] };

/** No frees yet. */
export function noFrees(): FreeMatchCounter {
  return { freeCount: 0, nullFreeCount: 0, matchedCount: 0, unknownCount: 0 };
}

const PERCENT = 100;

/** Matched frees in percent of all, or undefined when there were none. */
export function matchPercent(match: FreeMatch): number | undefined {
  return match.freeCount === 0 ? undefined : (match.matchedCount * PERCENT) / match.freeCount;
}
