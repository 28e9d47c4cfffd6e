/*
 * Times each operation by itself: the mirror image of src/memory/latency-ops.ts. Durations are counted in the
 * buckets of src/memory/histogram.ts, so that nothing grows while they are taken.
 */
#include <inttypes.h>
#include <stdio.h>

#include "measure.h"
#include "replay.h"

enum {
  EXACT_COUNT = 64,       /* durations below are counted by the nanosecond … */
  EXACT_LOG2 = 6,
  SUB_BUCKET_LOG2 = 5,    /* … longer ones in 32 buckets for each power of two. */
  SUB_BUCKET_COUNT = 1 << SUB_BUCKET_LOG2,
  BUCKET_COUNT = EXACT_COUNT + (32 - EXACT_LOG2) * SUB_BUCKET_COUNT,
  CALIBRATION_COUNT = 1000000,
};

struct histogram {
  uint64_t counts[BUCKET_COUNT];
  uint64_t max_ns;
};

static size_t bucket_of(uint32_t ns) {
  if (ns < EXACT_COUNT) return ns;
  const unsigned log2 = 31 - (unsigned)__builtin_clz(ns);
  const unsigned sub = (ns >> (log2 - SUB_BUCKET_LOG2)) & (SUB_BUCKET_COUNT - 1);
  return EXACT_COUNT + (log2 - EXACT_LOG2) * SUB_BUCKET_COUNT + sub;
}

static void take(struct histogram *histogram, uint64_t ns) {
  histogram->counts[bucket_of(ns > INT32_MAX ? INT32_MAX : (uint32_t)ns)]++;
  if (ns > histogram->max_ns) histogram->max_ns = ns;
}

static void time_ops(const struct op *op, size_t count, size_t ops_at_once, struct histogram *histogram) {
  for (const struct op *end = op + count; op < end; op++) {
    const uint64_t start_ns = now_ns();
    replay(op, ops_at_once);
    take(histogram, now_ns() - start_ns);
  }
}

static void print_histogram(const char *name, const struct histogram *histogram) {
  const char *comma = "";
  printf(",\"%s\":{\"maxNs\":%" PRIu64 ",\"buckets\":[", name, histogram->max_ns);
  for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    if (histogram->counts[bucket] == 0) continue;
    printf("%s[%zu,%" PRIu64 "]", comma, bucket, histogram->counts[bucket]);
    comma = ",";
  }
  printf("]}");
}

void time_each(const char *ops_path, const char *closing_path, int warmup_count, int pass_count) {
  const struct op_file ops = open_ops(ops_path);
  const struct op_file closing = open_ops(closing_path);
  struct histogram *timer = map_bytes(sizeof *timer);
  struct histogram *operations = map_bytes(sizeof *operations);
  create_tables(ops.slot_count);
  for (int pass = 0; pass < warmup_count; pass++) {
    replay_file(&ops);
    replay_file(&closing);
  }
  failure_count = 0;
  for (int pass = 0; pass < pass_count; pass++) {
    for (uint64_t first = 0; first < ops.op_count;) {
      const size_t count = read_chunk(&ops, first);
      time_ops(ops.chunk, count, 1, operations);
      first += count;
    }
    replay_file(&closing);
  }
  /* The clock alone: the same loop, with no operation between its two readings. */
  const size_t chunk_count = read_chunk(&ops, 0);
  for (size_t done = 0; done < CALIBRATION_COUNT; done += chunk_count) time_ops(ops.chunk, chunk_count, 0, timer);
  printf("{\"opCount\":%" PRIu64 ",\"failureCount\":%" PRIu64 ",\"gcCount\":0", ops.op_count * (uint64_t)pass_count,
         failure_count);
  print_histogram("timer", timer);
  print_histogram("operations", operations);
  printf("}\n");
}
