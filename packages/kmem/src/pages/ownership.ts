import { PAGE_SIZE } from "../memory/layout.ts";
import type { FrameTable } from "./frames.ts";
import { RunKind, RunOwner } from "./layout.ts";

/** Pages that a slot took page by page. */
export interface PageRun {
  /** First byte of the run. */
  readonly address: number;
  /** Pages of the run. */
  readonly pageCount: number;
}

/** OWNER of a run that a slot answers for, and is not giving back. */
export function slotOwner(slot: number): number {
  return RunOwner.OWNER_BIT | (slot + 1);
}

/** Pages of the run that starts at a frame: no more than follow, whatever its COUNT says. */
export function runPages(frames: FrameTable, head: number): number {
  return Math.max(1, Math.min(frames.count(head), frames.endFrame - head));
}

/** Runs of pages that a slot took page by page. O(frames). */
export function* pageRunsOf(frames: FrameTable, slot: number): Generator<PageRun> {
  for (let head = frames.firstPageFrame; head < frames.endFrame; head++) {
    if (frames.kind(head) !== RunKind.PAGES || frames.owner(head) !== slotOwner(slot)) continue;
    yield { address: head * PAGE_SIZE, pageCount: runPages(frames, head) };
  }
}
