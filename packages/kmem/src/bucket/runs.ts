import { ASSERTIONS, assert } from "../memory/assert.ts";
import { PAGE_SHIFT, WORD_SHIFT } from "../memory/layout.ts";
import type { EngineContext } from "../pages/engine-lock.ts";
import { NO_FRAME, OwnerMark } from "../pages/layout.ts";
import { BUCKET_RUN } from "./layout.ts";

/** What a run of the engine is: one of {@link OwnerMark}, or an owner where it is not finished. */
export function markOf({ pages }: EngineContext, frame: number): number {
  return pages.frames.owner(frame);
}

export function setMark({ pages }: EngineContext, frame: number, mark: number): void {
  if (ASSERTIONS)
    assert(pages.frames.kind(frame) === BUCKET_RUN, `the run at page ${frame} is marked that the engine has`);
  pages.frames.setOwner(frame, mark);
}

/** First frames of the runs that carry a mark, in address order. */
export function* markedRuns(context: EngineContext, mark: number): Generator<number> {
  const { frames } = context.pages;
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) === BUCKET_RUN && markOf(context, frame) === mark) yield frame;
  }
}

/** The frame of the engine's own page, NO_FRAME where there is none. */
export function findState(context: EngineContext): number {
  for (const frame of markedRuns(context, OwnerMark.BUCKET_STATE)) return frame;
  return NO_FRAME;
}

/** Index in `words` of the engine's own page. */
export function stateWord(stateFrame: number): number {
  return stateFrame << (PAGE_SHIFT - WORD_SHIFT);
}
