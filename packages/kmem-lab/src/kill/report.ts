import type { ReportEnvironment } from "kmem-cli/internal/replay/report";
import type { OperationName } from "./shared-state.ts";

/** Goes up when a field of the document changes its meaning or goes away; new fields alone leave it as it is. */
export const KILL_REPORT_VERSION = 2;

/** All that `kmem-lab kill` found out: the document that `--json` prints, and what its text is made from. */
export interface KillReport {
  readonly schema: "kmem-kill";
  readonly version: typeof KILL_REPORT_VERSION;
  readonly environment: ReportEnvironment;
  readonly settings: { readonly killCount: number; readonly survivorCount: number; readonly seed: number };
  readonly seconds: number;
  /** By kind of heap. */
  readonly heaps: readonly HeapKillReport[];
}

/** What happened on one kind of heap. */
export interface HeapKillReport extends KillFigures {
  readonly name: string;
}

/** What one heap saw. */
export interface KillFigures {
  /** Threads that were ended by `terminate()`. */
  readonly killCount: number;
  /** The same by the operation that they died in. */
  readonly killsByOperation: Partial<Record<OperationName, number>>;
  /** Operations of the threads that were not killed, meanwhile. */
  readonly survivorOperations: number;
  /** Audits, each with all threads paused. */
  readonly checkCount: number;
  /** Locks that the recovery found held by the dead; those that waiting threads took over before do not count. */
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
  /** Threads that stalled. */
  readonly hangs: number;
  /** Allocations of survivors that were gone or had two holders, and live ones without a holder. */
  readonly lostBlocks: number;
  readonly lostPages: number;
  /** Findings of check(). */
  readonly findings: number;
  /** What was wrong, in sentences; the first of them. */
  readonly problems: readonly string[];
}

/** Whether anything was lost or hung. */
export function hasKillFailed({ heaps }: KillReport): boolean {
  return heaps.some(({ problems }) => problems.length > 0);
}
