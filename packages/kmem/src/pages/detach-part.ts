import { ASSERTIONS } from "../memory/assert.ts";
import { assertSplit } from "./assertions.ts";
import type { FrameTable } from "./frames.ts";
import { kindPhrase } from "./kind-phrase.ts";
import { RunKind, type RunKindValue, RunOwner } from "./layout.ts";

/** A part of a run of pages. */
export interface RunPart {
  readonly first: number;
  readonly count: number;
  readonly kind: RunKindValue;
}

/**
 * Splits a range off a run, for the thread alone whose runs have this owner; what is before and after it becomes runs
 * of their own. If the thread dies during this, the former owner keeps the whole run, or the parts before and after the
 * range. Returns why not, where another thread frees the run. Under the pages' lock.
 */
export function detachPart(frames: FrameTable, ownOwner: number, { first, count, kind }: RunPart): string | undefined {
  const head = frames.headOfRun(first, kind);
  const former = frames.owner(head);
  const formerBits = (former & RunOwner.SLOT_MASK) << RunOwner.FORMER_SHIFT;
  if (!frames.claimRun(head, kind, ownOwner | RunOwner.SPLIT | formerBits)) return kindPhrase(RunKind.CACHED);
  const end = first + count;
  const endOfRun = head + frames.count(head);
  if (end > endOfRun) {
    frames.setOwner(head, former);
    return kindPhrase(RunKind.CACHED);
  }
  if (end < endOfRun) {
    frames.setCount(end, endOfRun - end);
    frames.setOwner(end, former);
    frames.setKind(end, kind);
  }
  frames.setCount(head, head < first ? first - head : count);
  frames.setOwner(head, head < first ? former : ownOwner | RunOwner.CLAIMED);
  if (ASSERTIONS) assertSplit(frames, { head, first, end, endOfRun }, kind);
  return undefined;
}
