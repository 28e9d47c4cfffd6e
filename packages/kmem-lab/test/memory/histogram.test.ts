import { describe, expect, it } from "vitest";
import {
  BUCKET_COUNT,
  bucketEndNs,
  bucketOf,
  durationCounts,
  percentileNs,
  shortestNs,
} from "../../src/memory/histogram.ts";

function countsOf(durations: readonly number[]) {
  const counts = new Float64Array(BUCKET_COUNT);
  for (const ns of durations) counts[bucketOf(ns)]! += 1;
  return durationCounts(counts, Math.max(...durations));
}

describe("the buckets of durations", () => {
  it("hold what is at most 3 % apart, each where the one before it ends", () => {
    for (let bucket = 1; bucket < bucketOf(2 ** 31 - 1); bucket += 1) {
      const [start, end] = [bucketEndNs(bucket - 1) + 1, bucketEndNs(bucket)];
      expect([bucketOf(start), bucketOf(end)]).toEqual([bucket, bucket]);
      expect(end - start).toBeLessThanOrEqual(start * 0.032);
    }
  });

  it("take any duration", () => {
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(1e12)).toBe(bucketOf(2 ** 31 - 1));
    expect(bucketOf(1e12)).toBeLessThan(BUCKET_COUNT);
  });

  it("answer percentiles", () => {
    const counts = countsOf([...Array<number>(9_998).fill(20), 50, 1_000_000]);
    expect(percentileNs(counts, 50)).toBe(20);
    expect(percentileNs(counts, 99.98)).toBe(20);
    expect(percentileNs(counts, 99.99)).toBe(50);
    expect(percentileNs(counts, 100)).toBe(1_000_000);
    expect(percentileNs({ maxNs: 0, buckets: [] }, 50)).toBe(0);
  });

  it("tell the shortest duration that is not 0", () => {
    expect(shortestNs(countsOf([0, 0, 30, 40]))).toBe(30);
    expect(shortestNs(countsOf([0]))).toBe(0);
  });
});
