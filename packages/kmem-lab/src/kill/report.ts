import type { ReportEnvironment } from "kmem-cli/internal/replay/report";
import type { OperationName } from "./board.ts";

/** Goes up when a field of the document changes its meaning or goes away; new fields alone leave it as it is. */
export const KILL_REPORT_VERSION = 1;

/** All that `kmem-lab kill` found out: the document that `--json` prints, and what its text is made from. */
export interface KillReport {
  readonly schema: "kmem-kill";
  readonly version: typeof KILL_REPORT_VERSION;
  readonly environment: ReportEnvironment;
  readonly settings: { readonly killCount: number; readonly survivorCount: number; readonly seed: number };
  readonly seconds: number;
  /** By kind of heap. */
  readonly worlds: readonly KillWorldReport[];
}

/** What happened on one kind of heap. */
export interface KillWorldReport extends KillFigures {
  readonly name: string;
}

/** What one heap saw. */
export interface KillFigures {
  /** Threads that were ended by `terminate()`. */
  readonly killCount: number;
  /** Of them by what they were at. */
  readonly killsByOperation: Partial<Record<OperationName, number>>;
  /** Operations of the threads that were not killed, meanwhile. */
  readonly survivorOperations: number;
  /** Each of them with all threads at rest. */
  readonly checkCount: number;
  /** Locks that reaping found in the hands of the dead; those that others had inherited before are not among them. */
  readonly takenOverLocks: number;
  /** Blocks and runs of pages that the dead owned: freed, given on or kept, and all of them listed. */
  readonly ownedByDead: number;
  /** Free blocks in the caches of the dead, and pages of theirs, that the heap has again. */
  readonly returnedBlocks: number;
  readonly returnedPages: number;
  /** From the call of `terminate()`, which is before the thread's death, to the end of the recovery. */
  readonly recoveryMs: readonly number[];
  /** Of that, what the recovery itself took. */
  readonly reapMs: readonly number[];
  /** Threads that stood still. */
  readonly hangs: number;
  /** Pieces of survivors that were gone, or two threads' at a time, and pieces that nobody answers for. */
  readonly lostBlocks: number;
  readonly lostPages: number;
  /** Findings of check(). */
  readonly findings: number;
  /** What was wrong, in sentences; the first of them. */
  readonly problems: readonly string[];
}

/** Whether anything was lost or hung. */
export function hasKillFailed({ worlds }: KillReport): boolean {
  return worlds.some(({ problems }) => problems.length > 0);
}
