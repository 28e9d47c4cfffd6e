/*
 * What threads.c, which starts threads and takes their time, and thread-workloads.c, which says what they do, have in
 * common.
 */
#ifndef KMEM_THREADS_H
#define KMEM_THREADS_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
  LANES_MAX = 32,
  GENERATIONS_MAX = 3,
  CACHE_LINE = 64,
  RING_PLACES = 8,
  RING_SHIFT = 3,
  LIST_CAPACITY = 4096,
  EXCHANGE_SLOTS = 1000,
  LARSON_BLOCKS = 5000,
};

/* A block's first word holds its size and a stamp, its last word the complement: the seal that is verified on free. */
enum { SIZE_MASK = 0xffff, STAMP_STEP = 0x10000 };

/*
 * Lists of blocks on their way to another thread. A place is free for the giver of ticket t when its turn is twice the
 * lap of t, and full for the taker of ticket t when it is one more.
 */
struct ring {
  _Alignas(CACHE_LINE) _Atomic uint32_t give_ticket;
  _Alignas(CACHE_LINE) _Atomic uint32_t take_ticket;
  struct {
    _Alignas(CACHE_LINE) _Atomic uint32_t turn;
    uint32_t count;
  } places[RING_PLACES];
  void *lists[RING_PLACES][LIST_CAPACITY];
};

/* What the workloads hand each other blocks through; zeroed before each phase, as far as there are lanes. */
struct shared {
  _Alignas(CACHE_LINE) _Atomic uint32_t finished_count; /* threads that have come to the end of mstress */
  struct {
    _Alignas(CACHE_LINE) void *block;
  } objects[LANES_MAX]; /* the block that cache-scratch hands to each thread */
  _Atomic(void *) exchange[EXCHANGE_SLOTS];
  void *arrays[LANES_MAX][LARSON_BLOCKS]; /* the blocks that a thread of larson leaves to its successor */
  struct ring rings[LANES_MAX];
};

extern struct shared shared;
/* Threads side by side, and how many follow each other in a lane. */
extern uint32_t lane_count, generation_count;

/* What a thread has done in a phase, and goes on from. */
struct work {
  uint32_t random, stamp;
  uint32_t allocated, freed, faults, requested_bytes;
};

struct thread {
  pthread_t handle;
  uint32_t lane, generation, number;
  struct work work;
  uint64_t start_ns, end_ns;
};

struct workload {
  const char *name;
  uint32_t generation_count;
  void (*run)(struct thread *self, uint32_t amount);
  /* What the main thread does before each phase; NULL for nothing. */
  void (*prepare)(struct work *work);
};

/* NULL when there is none of that name. */
const struct workload *find_workload(const char *name);

_Noreturn void die(const char *what);
void futex_wait(_Atomic uint32_t *word, uint32_t seen);
/* Sleeps until a word has a value. */
void await_value(_Atomic uint32_t *word, uint32_t value);
/* Sets a word and wakes who waits for it. */
void set_value(_Atomic uint32_t *word, uint32_t value);

/* Marsaglia's xorshift. */
static inline uint32_t next_random(struct work *work) {
  work->random ^= work->random << 13;
  work->random ^= work->random >> 17;
  work->random ^= work->random << 5;
  return work->random;
}

/* A number below `limit`, which is 65536 at most, from the upper half of a random number. */
static inline uint32_t below(uint32_t random, uint32_t limit) { return (random >> 16) * limit >> 16; }

static inline struct work start_work(uint32_t number) {
  const uint32_t random = (number + 1) * 0x9e3779b1u;
  return (struct work){.random = random, .stamp = (number + 1) * 0x85ebca6bu & ~(uint32_t)SIZE_MASK};
}

static inline void *make(struct work *work, uint32_t size) {
  uint32_t *block = malloc(size);
  if (block == NULL) die("malloc");
  const uint32_t label = work->stamp | size;
  work->stamp += STAMP_STEP;
  block[0] = label;
  block[(size - sizeof *block) / sizeof *block] = ~label;
  work->allocated++;
  work->requested_bytes += size;
  return block;
}

static inline void release(struct work *work, void *address) {
  uint32_t *block = address;
  const uint32_t label = block[0];
  const uint32_t last = ((label & SIZE_MASK) - sizeof *block) / sizeof *block;
  work->faults += (label & SIZE_MASK) < 2 * sizeof *block || block[last] != ~label;
  block[0] = 0;
  free(block);
  work->freed++;
}

#endif
