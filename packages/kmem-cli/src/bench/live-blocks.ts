import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ReadyContender } from "../replay/contender.ts";
import { type RunOptions, runWorkload } from "../replay/run-workload.ts";
import type { AllocatorResult } from "../report/report.ts";
import { withTempFolder } from "../system/cleanup.ts";
import { makeChurn } from "./loads/churn.ts";

/** What random churn costs with so many blocks live. */
export interface LiveBlocksReport {
  readonly liveBlockCount: number;
  readonly opCount: number;
  readonly results: readonly AllocatorResult[];
}

/** The counts of live blocks for which the README shows what an operation costs. */
export const LIVE_BLOCK_COUNTS: readonly number[] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/** Runs random churn at each count of live blocks on every contender. */
export function measureLiveBlocks(
  contenders: readonly ReadyContender[],
  options: RunOptions,
  onCount: (liveBlockCount: number) => void,
): Promise<LiveBlocksReport[]> {
  return withTempFolder(async (folder) => {
    const reports: LiveBlocksReport[] = [];
    for (const liveBlockCount of LIVE_BLOCK_COUNTS) {
      onCount(liveBlockCount);
      const own = join(folder, String(liveBlockCount));
      mkdirSync(own);
      const workload = makeChurn(liveBlockCount, own);
      const results = await runWorkload(workload, contenders, options, () => {});
      reports.push({ liveBlockCount, opCount: workload.opCount, results });
      rmSync(own, { recursive: true });
    }
    return reports;
  });
}
