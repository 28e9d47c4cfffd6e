import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ReadyContender } from "kmem-cli/internal/replay/contender";
import type { AllocatorResult } from "kmem-cli/internal/replay/report";
import { type RunOptions, runWorkload } from "kmem-cli/internal/replay/run-workload";
import { withTempFolder } from "kmem-cli/internal/system/cleanup";
import { makeChurn } from "../loads/churn.ts";

/** What random churn costs with so many blocks live. */
export interface LiveBlocksReport {
  readonly liveBlockCount: number;
  readonly opCount: number;
  readonly results: readonly AllocatorResult[];
}

/** The counts of live blocks for which docs/measurements.md shows what an operation costs. */
const LIVE_BLOCK_COUNTS: readonly number[] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/** With more blocks than this the memory is not looked at: reading what is resident would take minutes. */
const ACCOUNTED_BLOCKS_MAX = 1_000_000;

/** Runs random churn at each count of live blocks on the contenders that take part in it. */
export function measureLiveBlocks(
  contendersOf: (liveBlockCount: number) => readonly ReadyContender[],
  options: RunOptions,
  onCount: (liveBlockCount: number) => void,
  counts: readonly number[] = LIVE_BLOCK_COUNTS,
): Promise<LiveBlocksReport[]> {
  return withTempFolder(async (folder) => {
    const reports: LiveBlocksReport[] = [];
    for (const liveBlockCount of counts) {
      onCount(liveBlockCount);
      const own = join(folder, String(liveBlockCount));
      mkdirSync(own);
      const workload = makeChurn(liveBlockCount, own);
      const accounts = liveBlockCount <= ACCOUNTED_BLOCKS_MAX;
      const results = await runWorkload(workload, contendersOf(liveBlockCount), { ...options, accounts }, () => {});
      reports.push({ liveBlockCount, opCount: workload.opCount, results });
      rmSync(own, { recursive: true });
    }
    return reports;
  });
}
