/*
 * Operations of a changing mix, made as it goes: the mirror image of src/memory/drift-ops.ts, which says what the
 * phases are for. Both do the very same operations; the state of the generator at the end proves it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"
#include "replay.h"

enum {
  TARGET_BYTES = 1 << 24,
  SIZE_MIN_BYTES = 16,
  BLOCKS_MAX = TARGET_BYTES / SIZE_MIN_BYTES + 1,
  YOUNG_COUNT = 64,
  PHASE_COUNT = 8,
  CYCLES = 5,
  CYCLES_SHORT = 1,
  SHORT_OPS = 41000000,
  SEED = (int)0x9e3779b9,
};

enum age { ANY, YOUNG, OLD };

static const struct phase {
  uint32_t min_bytes, max_bytes;
  enum age age;
} PHASES[PHASE_COUNT] = {
    {16, 256, ANY},     {16, 2048, YOUNG}, {512, 8192, ANY},   {16, 64, OLD},
    {4096, 65536, ANY}, {64, 1024, OLD},   {16, 32768, YOUNG}, {256, 4096, ANY},
};

static uint32_t state = (uint32_t)SEED;

static uint32_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static void **blocks;
static uint32_t *sizes;
static uint32_t live_count, live_bytes, cursor;

static void allocate(const struct phase *phase) {
  const uint32_t bytes = phase->min_bytes + next_random() % (phase->max_bytes - phase->min_bytes + 1);
  void *block = malloc(bytes);
  if (block == NULL) die("malloc has no memory");
  touch(block, bytes);
  blocks[live_count] = block;
  sizes[live_count++] = bytes;
  live_bytes += bytes;
}

static uint32_t victim_of(enum age age) {
  switch (age) {
    case YOUNG:
      return live_count - 1 - next_random() % (live_count < YOUNG_COUNT ? live_count : YOUNG_COUNT);
    case OLD:
      cursor = cursor + 1 >= live_count ? 0 : cursor + 1;
      return cursor;
    default:
      return next_random() % live_count;
  }
}

static void release(const struct phase *phase) {
  const uint32_t victim = victim_of(phase->age);
  free(blocks[victim]);
  live_bytes -= sizes[victim];
  live_count--;
  blocks[victim] = blocks[live_count];
  sizes[victim] = sizes[live_count];
}

void drift(uint64_t op_count) {
  const uint64_t segment_count = PHASE_COUNT * (op_count >= SHORT_OPS ? CYCLES : CYCLES_SHORT) + 1;
  blocks = map_bytes(BLOCKS_MAX * sizeof *blocks);
  sizes = map_bytes(BLOCKS_MAX * sizeof *sizes);
  resident_bytes();
  const uint64_t baseline = resident_bytes();
  printf("{\"opCount\":%" PRIu64 ",\"segments\":[", op_count);
  fflush(stdout);
  uint64_t done = 0;
  for (uint64_t segment = 0; segment < segment_count; segment++) {
    const struct phase *phase = &PHASES[segment % PHASE_COUNT];
    const uint64_t end = op_count * (segment + 1) / segment_count;
    for (; done < end; done++) {
      if (live_bytes < TARGET_BYTES) allocate(phase);
      else release(phase);
    }
    const uint64_t resident = resident_bytes();
    printf("%s{\"liveBytes\":%" PRIu32 ",\"liveBlockCount\":%" PRIu32 ",\"residentBytes\":%" PRIu64 "}",
           segment > 0 ? "," : "", live_bytes, live_count, resident > baseline ? resident - baseline : 0);
  }
  printf("],\"randomState\":%" PRIu32 "}\n", state);
}
