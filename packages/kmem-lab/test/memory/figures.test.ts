import { describe, expect, it } from "vitest";
import { driftTable } from "../../src/memory/drift-figures.ts";
import { latencyRows, latencyTable } from "../../src/memory/latency-figures.ts";
import type { MemoryResult } from "../../src/memory/measure-jobs.ts";
import { medianDrift } from "../../src/memory/median-drift.ts";
import { isInAgreement, leftOverTable, memoryRows, ownTable, residentTable } from "../../src/memory/memory-figures.ts";

const MB = 1_000_000;

function memoryOf(peakBytes: number, ownPeakBytes: number, peakLiveBytes: number = 2 * MB): MemoryResult {
  const resident = { scope: "buffer", peakBytes, freedBytes: 4096, trimmedBytes: 0, trimmedBy: "trim" } as const;
  const own = {
    initialBytes: 1000,
    peakBytes: ownPeakBytes + 1000,
    usableAtPeakBytes: peakLiveBytes,
    freedBytes: 5000,
    trimmedBytes: 1000,
    parts: { sheafBytes: 10, freeSlabBytes: 20, liveSlabBytes: peakLiveBytes },
  };
  return { opCount: 1, failureCount: 0, requestedBytes: 1, peakLiveBytes, resident, own };
}

const withOwn = { workload: "w", allocator: "kmem", result: memoryOf(3 * MB, 2.5 * MB) };
const failed = { workload: "w", allocator: "x", error: "broke" };

describe("the tables of memory", () => {
  it("compare resident memory, and leave a gap where it is unknown", () => {
    const [header, row, large] = residentTable([withOwn, failed], ["kmem", "x"], "kmem");
    expect(header?.slice(2)).toEqual(["kmem", "kmem, own accounting", "x"]);
    expect(row?.slice(2)).toEqual(["1.50", "1.25", "–"]);
    expect(large?.slice(2)).toEqual(["**1.50**", "**1.25**", "**–**"]);
    expect(leftOverTable([withOwn, failed], ["kmem", "x"])[1]).toEqual(["w", "4.00 KiB → 0 B", "–"]);
  });

  it("mark what is of the first operations only, and leave it out of the means", () => {
    const { freedBytes: _, ...resident } = memoryOf(MB, MB).resident!;
    const result = { ...memoryOf(MB, MB, MB / 2), resident, coveredShare: 0.25 };
    const measures = [{ workload: "w", allocator: "slow", result }, withOwn];
    const [, row, mean] = residentTable(measures, ["kmem", "slow"]);
    expect(row).toEqual(["w", "1.91 MiB", "1.50", "2.00\\*"]);
    expect(mean?.slice(2)).toEqual(["**1.50**", "**–**"]);
    expect(leftOverTable(measures, ["slow"])[1]).toEqual(["w", "–"]);
    const [names, cells] = memoryRows(measures);
    expect(cells?.[names!.indexOf("covered_share")]).toBe("0.2500");
  });

  it("say when own accounting and resident memory differ by more than 5 % of a large workload", () => {
    expect(isInAgreement(memoryOf(2.5 * MB * 1.04, 2.5 * MB))).toBe(true);
    expect(isInAgreement(memoryOf(2.5 * MB * 1.06, 2.5 * MB))).toBe(false);
    expect(isInAgreement(memoryOf(2.5 * MB * 0.94, 2.5 * MB))).toBe(false);
    expect(isInAgreement(memoryOf(2.5 * MB * 1.06, 2.5 * MB, MB / 2))).toBe(true);
    expect(ownTable([withOwn, failed], "kmem")[1]?.slice(0, 4)).toEqual(["w", "2.38 MiB", "20.0 %", "**no**"]);
  });

  it("have as many columns in each row", () => {
    for (const cells of [memoryRows([withOwn, failed]), ownTable([withOwn], "kmem")]) {
      for (const row of cells) expect(row).toHaveLength(cells[0]!.length);
    }
  });
});

describe("the table of drift", () => {
  it("compares the end with the start, and the median of what each cycle ended with", () => {
    const segment = (residentBytes: number) => ({ liveBytes: 1, liveBlockCount: 1, residentBytes });
    const between = Array<number>(7).fill(150);
    const segments = [100, ...between, 200, ...between, 250, ...between, 220].map(segment);
    const result = { opCount: 10, segments, randomState: 1 };
    const [header, row] = driftTable([{ allocator: "a", result }]);
    expect(row).toHaveLength(header!.length);
    expect(row?.slice(3, 7)).toEqual(["100 B", "220 B", "**2.20**", "2.20"]);
    const [, short] = driftTable([{ allocator: "a", result: { ...result, segments: segments.slice(0, 9) } }]);
    expect(short?.slice(3, 7)).toEqual(["100 B", "200 B", "**2.00**", "2.00"]);
  });
});

describe("the rounds of a drift", () => {
  it("come to the medians of their bytes", () => {
    const round = (residentBytes: number) => {
      return { opCount: 10, segments: [{ liveBytes: 1, liveBlockCount: 1, residentBytes }], randomState: 1 };
    };
    expect(medianDrift([round(300), round(100), round(200)])).toEqual(round(200));
  });
});

describe("the table of single operations", () => {
  it("takes the clock's own time off, and leaves it in the file", () => {
    const timer = {
      maxNs: 40,
      buckets: [
        [20, 10],
        [40, 1],
      ],
    } as const;
    const operations = {
      maxNs: 50,
      buckets: [
        [30, 10],
        [50, 1],
      ],
    } as const;
    const measure = {
      workload: "w",
      allocator: "a",
      result: { opCount: 11, failureCount: 0, gcCount: 0, timer, operations },
    };
    expect(latencyTable([measure])[1]).toEqual(["w", "a", "10", "30", "30", "30", "30", "20", "20"]);
    expect(latencyRows([measure])[1]?.slice(5, 10)).toEqual([30, 50, 50, 50, 50]);
    for (const row of latencyRows([measure, { workload: "w", allocator: "b" }])) expect(row).toHaveLength(16);
  });
});
