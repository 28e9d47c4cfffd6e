// Durations are counted in buckets: exactly below 64 ns, and in 32 steps for each power of two above, so that a bucket
// is at most 3 % wide. The counts are made once; taking a duration allocates nothing.

const EXACT_COUNT = 64;
const EXACT_LOG2 = 6;
const SUB_BUCKET_LOG2 = 5;
const SUB_BUCKET_COUNT = 2 ** SUB_BUCKET_LOG2;
const INT_BITS = 32;
const NS_MAX = 0x7fffffff;

/** Buckets that there are. `native/latency.c` has the same. */
export const BUCKET_COUNT: number = EXACT_COUNT + (INT_BITS - EXACT_LOG2) * SUB_BUCKET_COUNT;

/** Durations that were taken, as a process reports them. */
export interface DurationCounts {
  readonly maxNs: number;
  /** Bucket and count, in rising order; only those that hold something. */
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
}

/** The bucket of a whole number of nanoseconds; longer ones than two seconds are in the last. */
export function bucketOf(ns: number): number {
  const value = ns > NS_MAX ? NS_MAX : ns;
  if (value < EXACT_COUNT) return value;
  const log2 = INT_BITS - 1 - Math.clz32(value);
  const sub = (value >>> (log2 - SUB_BUCKET_LOG2)) & (SUB_BUCKET_COUNT - 1);
  return EXACT_COUNT + (log2 - EXACT_LOG2) * SUB_BUCKET_COUNT + sub;
}

/** The longest duration that falls into a bucket, in ns. */
export function bucketEndNs(bucket: number): number {
  if (bucket < EXACT_COUNT) return bucket;
  const index = bucket - EXACT_COUNT;
  const log2 = EXACT_LOG2 + Math.floor(index / SUB_BUCKET_COUNT);
  const sub = index % SUB_BUCKET_COUNT;
  return (SUB_BUCKET_COUNT + sub + 1) * 2 ** (log2 - SUB_BUCKET_LOG2) - 1;
}

/** The counts of a process's array of buckets. */
export function durationCounts(counts: Float64Array, maxNs: number): DurationCounts {
  const buckets: (readonly [number, number])[] = [];
  for (const [bucket, count] of counts.entries()) if (count > 0) buckets.push([bucket, count]);
  return { maxNs, buckets };
}

/** The duration that a share of all does not exceed, in ns; no more than the longest one was. 0 of none. */
export function percentileNs({ buckets, maxNs }: DurationCounts, percent: number): number {
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  const wanted = (total * percent) / 100;
  let seen = 0;
  for (const [bucket, count] of buckets) {
    seen += count;
    if (seen >= wanted) return Math.min(maxNs, bucketEndNs(bucket));
  }
  return maxNs;
}

/** The shortest duration above 0: what a clock can tell apart. 0 when there is none. */
export function shortestNs({ buckets }: DurationCounts): number {
  const first = buckets.find(([bucket]) => bucket > 0);
  return first === undefined ? 0 : bucketEndNs(first[0]);
}
