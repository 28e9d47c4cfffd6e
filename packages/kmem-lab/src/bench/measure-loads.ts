import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ReadyContender } from "kmem-cli/internal/replay/contender";
import type { AllocatorResult } from "kmem-cli/internal/replay/report";
import { type RunOptions, runWorkload } from "kmem-cli/internal/replay/run-workload";
import { withTempFolder } from "kmem-cli/internal/system/cleanup";
import type { Load } from "../loads/load.ts";

/** What the allocators made of a synthetic load. */
export interface LoadReport {
  readonly name: string;
  readonly summary: string;
  readonly opCount: number;
  readonly peakLiveBytes: number;
  readonly results: readonly AllocatorResult[];
}

/** Runs every load on the contenders that take part in it. */
export function measureLoads(
  loads: readonly Load[],
  contendersOf: (load: Load) => readonly ReadyContender[],
  options: RunOptions,
  onLoad: (name: string) => void,
): Promise<LoadReport[]> {
  return withTempFolder(async (folder) => {
    const reports: LoadReport[] = [];
    for (const [index, load] of loads.entries()) {
      onLoad(load.name);
      const own = join(folder, String(index));
      mkdirSync(own);
      const workload = load.make(own);
      const results = await runWorkload(workload, contendersOf(load), options, () => {});
      const { opCount, live } = workload;
      reports.push({ name: load.name, summary: load.summary, opCount, peakLiveBytes: live.peakLiveBytes, results });
      rmSync(own, { recursive: true });
    }
    return reports;
  });
}
