import { knownContenders } from "kmem-cli/internal/contenders/known-contenders";
import { isReady, type ReadyContender } from "kmem-cli/internal/replay/contender";
import { describe, expect, it } from "vitest";
import { measureLiveBlocks } from "../../src/bench/live-blocks.ts";
import { measureLoads } from "../../src/bench/measure-loads.ts";
import { KNOWN_LOADS } from "../../src/loads/known-loads.ts";
import type { Load } from "../../src/loads/load.ts";

const OPTIONS = { roundCount: 1, checkEvery: undefined };

async function kmem(): Promise<ReadyContender[]> {
  return [await knownContenders()[0]!.prepare()].filter(isReady);
}

describe("the loads on kmem", () => {
  it("can all be done, and have a time and a footprint", async () => {
    const contenders = await kmem();
    const asked: Load[] = [];
    const contendersOf = (load: Load): ReadyContender[] => {
      asked.push(load);
      return contenders;
    };
    const quick = KNOWN_LOADS.filter(({ kind }) => kind !== "blocks");
    const reports = await measureLoads(quick, contendersOf, OPTIONS, () => {});
    expect(asked).toEqual(quick);
    for (const { results } of reports) {
      expect(results).toHaveLength(1);
      expect(results[0]).not.toHaveProperty("error");
      expect(results[0]!.time!.medianNsPerOp).toBeGreaterThan(0);
      expect(results[0]!.memory).toMatchObject({ failureCount: 0, substituteCacheCount: 0 });
    }
  }, 60_000);

  it("are measured by live blocks, those who take part being asked for by count", async () => {
    const contenders = await kmem();
    const contendersOf = (count: number): ReadyContender[] => (count === 50 ? contenders : []);
    const reports = await measureLiveBlocks(contendersOf, OPTIONS, () => {}, [20, 50]);
    expect(reports.map(({ liveBlockCount, results }) => [liveBlockCount, results.length])).toEqual([
      [20, 0],
      [50, 1],
    ]);
    expect(reports[1]!.results[0]!.memory!.peakLiveBytes).toBeGreaterThan(0);
  }, 60_000);
});
