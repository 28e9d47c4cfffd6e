/*
 * What the threads do: the mirror image of src/threads/workloads. Both sides draw the same random numbers and make the
 * same calls in the same order, which the counts and the sum of all sizes in the result show.
 */
#include <stdbool.h>
#include <string.h>
#include "threads.h"

static void release_list(struct work *work, void **list, uint32_t count) {
  for (uint32_t index = 0; index < count; index++) {
    if (list[index] != NULL) release(work, list[index]);
    list[index] = NULL;
  }
}

static _Atomic uint32_t *turn_of(struct ring *ring, uint32_t ticket) {
  return &ring->places[ticket % RING_PLACES].turn;
}

static uint32_t free_turn(uint32_t ticket) { return (ticket >> RING_SHIFT) * 2; }
static uint32_t full_turn(uint32_t ticket) { return free_turn(ticket) + 1; }

static bool is_full(struct ring *ring, uint32_t ticket) {
  return atomic_load(turn_of(ring, ticket)) == full_turn(ticket);
}

static void **list_of(struct ring *ring, uint32_t ticket) { return ring->lists[ticket % RING_PLACES]; }

static void give_list(struct ring *ring, uint32_t ticket, uint32_t count) {
  ring->places[ticket % RING_PLACES].count = count;
  set_value(turn_of(ring, ticket), full_turn(ticket));
}

/* Frees the blocks of a list that is there, and its place. */
static void release_place(struct work *work, struct ring *ring, uint32_t ticket) {
  release_list(work, list_of(ring, ticket), ring->places[ticket % RING_PLACES].count);
  set_value(turn_of(ring, ticket), full_turn(ticket) + 1);
}

/* A lane's way of giving lists to the next lane and taking those of the one before. */
struct hand_over {
  struct ring *to, *from;
  uint32_t given, taken;
};

static struct hand_over start_hand_over(uint32_t lane) {
  return (struct hand_over){.to = &shared.rings[(lane + 1) % lane_count], .from = &shared.rings[lane]};
}

static void take_all(struct work *work, struct hand_over *over) {
  while (is_full(over->from, over->taken)) release_place(work, over->from, over->taken++);
}

/* The list to fill next. A thread that waits for room takes what has come for it, so that no circle of lanes stalls. */
static void **await_room(struct work *work, struct hand_over *over) {
  _Atomic uint32_t *turn = turn_of(over->to, over->given);
  for (;;) {
    const uint32_t seen = atomic_load(turn);
    if (seen == free_turn(over->given)) return list_of(over->to, over->given);
    if (is_full(over->from, over->taken)) take_all(work, over);
    else futex_wait(turn, seen);
  }
}

/* Every lane gives as many lists as every other. */
static void end_hand_over(struct work *work, struct hand_over *over) {
  while (over->taken < over->given) {
    await_value(turn_of(over->from, over->taken), full_turn(over->taken));
    release_place(work, over->from, over->taken++);
  }
}

/* Frees and replaces randomly chosen blocks of an array. */
static void churn(struct work *state, void **blocks, uint32_t block_count, uint32_t least, uint32_t most,
                  uint32_t amount) {
  struct work work = *state;
  for (uint32_t round = 0; round < amount; round++) {
    const uint32_t index = below(next_random(&work), block_count);
    if (blocks[index] != NULL) release(&work, blocks[index]);
    blocks[index] = make(&work, least + below(next_random(&work), most - least + 1));
  }
  *state = work;
}

static void run_local(struct thread *self, uint32_t amount) {
  enum { BLOCKS = 1000, LEAST = 16, MOST = 1024 };
  void *blocks[BLOCKS] = {NULL};
  churn(&self->work, blocks, BLOCKS, LEAST, MOST, amount);
  release_list(&self->work, blocks, BLOCKS);
}

static void run_larson(struct thread *self, uint32_t amount) {
  enum { LEAST = 8, MOST = 1000 };
  void **blocks = shared.arrays[self->lane];
  churn(&self->work, blocks, LARSON_BLOCKS, LEAST, MOST, amount);
  if (self->generation + 1 == generation_count) release_list(&self->work, blocks, LARSON_BLOCKS);
}

static void run_xmalloc(struct thread *self, uint32_t amount) {
  enum { SIZE = 64 };
  struct work work = self->work;
  struct ring *ring = &shared.rings[0];
  const uint32_t batch_count = amount * lane_count;
  const bool produces = self->lane % 2 == 0, consumes = self->lane % 2 == 1 || lane_count == 1;
  for (;;) {
    bool is_idle = true;
    uint32_t ticket;
    if (produces && (ticket = atomic_fetch_add(&ring->give_ticket, 1)) < batch_count) {
      await_value(turn_of(ring, ticket), free_turn(ticket));
      void **list = list_of(ring, ticket);
      for (uint32_t index = 0; index < LIST_CAPACITY; index++) list[index] = make(&work, SIZE);
      give_list(ring, ticket, LIST_CAPACITY);
      is_idle = false;
    }
    if (consumes && (ticket = atomic_fetch_add(&ring->take_ticket, 1)) < batch_count) {
      await_value(turn_of(ring, ticket), full_turn(ticket));
      release_place(&work, ring, ticket);
      is_idle = false;
    }
    if (is_idle) break;
  }
  self->work = work;
}

static uint32_t mstress_size(uint32_t random) {
  enum { LEAST = 8, MOST = 512, LARGE_EVERY = 128, LARGE_FACTOR = 64 };
  const uint32_t size = LEAST + below(random, MOST - LEAST + 1);
  return random % LARGE_EVERY == 0 ? size * LARGE_FACTOR : size;
}

static void run_mstress(struct thread *self, uint32_t amount) {
  enum { STEPS = 1000, RETAIN_ONE_IN = 4, KEEP_ONE_IN = 3, EXCHANGE_ONE_IN = 4 };
  void *data[STEPS] = {NULL}, *retained[STEPS] = {NULL};
  struct work work = self->work;
  for (uint32_t round = 0; round < amount; round++) {
    uint32_t data_count = 0, retained_count = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
      const bool retains = below(next_random(&work), RETAIN_ONE_IN) == 0;
      void *block = make(&work, mstress_size(next_random(&work)));
      if (retains) retained[retained_count++] = block;
      else data[data_count++] = block;
      if (data_count == 0) continue;
      if (below(next_random(&work), KEEP_ONE_IN) != 0) {
        const uint32_t index = below(next_random(&work), data_count);
        if (data[index] != NULL) release(&work, data[index]);
        data[index] = NULL;
      }
      if (below(next_random(&work), EXCHANGE_ONE_IN) == 0) {
        const uint32_t index = below(next_random(&work), data_count);
        const uint32_t slot = below(next_random(&work), EXCHANGE_SLOTS);
        data[index] = atomic_exchange(&shared.exchange[slot], data[index]);
      }
    }
    release_list(&work, data, data_count);
    release_list(&work, retained, retained_count);
  }
  if (atomic_fetch_add(&shared.finished_count, 1) + 1 == lane_count * generation_count)
    release_list(&work, (void **)shared.exchange, EXCHANGE_SLOTS);
  self->work = work;
}

enum { SCRATCH_SIZE = 8 };

/* Before each phase the main thread allocates a block for each of the others, side by side in one line of the cache. */
static void prepare_cache_scratch(struct work *work) {
  for (uint32_t lane = 0; lane < lane_count; lane++) shared.objects[lane].block = make(work, SCRATCH_SIZE);
}

static void run_cache_scratch(struct thread *self, uint32_t amount) {
  enum { WRITES = 1000 };
  struct work work = self->work;
  release(&work, shared.objects[self->lane].block);
  for (uint32_t round = 0; round < amount; round++) {
    volatile uint32_t *block = make(&work, SCRATCH_SIZE);
    for (uint32_t count = 0; count < WRITES; count++) *block = *block + 1;
    *block = *block - WRITES;
    release(&work, (void *)block);
  }
  self->work = work;
}

/* Runs of blocks of growing sizes: every eighth stays for long, half of the others is freed in the order in which they
 * came, here or by the next lane, and half in the opposite order. */
static void run_sizes(struct thread *self, uint32_t amount, bool hands_over) {
  enum { LEAST = 16, MOST = 1000, STEP = 12, RUN = 128, KEEP_ONE_IN = 8, KEPT = 1024 };
  void *kept[KEPT] = {NULL}, *run[RUN] = {NULL};
  struct work work = self->work;
  struct hand_over over = start_hand_over(self->lane);
  uint32_t kept_count = 0;
  for (uint32_t round = 0; round < amount; round++) {
    for (uint32_t size = LEAST; size <= MOST; size += STEP) {
      void **list = hands_over ? await_room(&work, &over) : NULL;
      uint32_t list_count = 0;
      for (uint32_t index = 0; index < RUN; index++) run[index] = make(&work, size);
      for (uint32_t index = 0; index < RUN; index += KEEP_ONE_IN) {
        void **place = &kept[kept_count++ % KEPT];
        if (*place != NULL) release(&work, *place);
        *place = run[index];
        run[index] = NULL;
      }
      for (uint32_t index = 0; index < RUN / 2; index++) {
        if (run[index] == NULL) continue;
        if (hands_over) list[list_count++] = run[index];
        else release(&work, run[index]);
      }
      for (uint32_t index = RUN - 1; index >= RUN / 2; index--) {
        if (run[index] != NULL) release(&work, run[index]);
      }
      if (!hands_over) continue;
      give_list(over.to, over.given++, list_count);
      take_all(&work, &over);
    }
  }
  end_hand_over(&work, &over);
  release_list(&work, kept, KEPT);
  self->work = work;
}

static void run_sh6(struct thread *self, uint32_t amount) { run_sizes(self, amount, false); }
static void run_sh8(struct thread *self, uint32_t amount) { run_sizes(self, amount, true); }

static void run_rptest(struct thread *self, uint32_t amount) {
  enum { BLOCKS = 1000, STRIDE = 7, REPLACED = 100, HAND_OVER_EVERY = 2, LEAST = 8, MOST = 16000 };
  void *blocks[BLOCKS] = {NULL};
  struct work work = self->work;
  struct hand_over over = start_hand_over(self->lane);
  for (uint32_t round = 0; round < amount; round++) {
    void **list = round % HAND_OVER_EVERY == 0 ? await_room(&work, &over) : NULL;
    uint32_t list_count = 0;
    uint32_t index = below(next_random(&work), BLOCKS);
    for (uint32_t count = 0; count < REPLACED; count++) {
      index = (index + STRIDE) % BLOCKS;
      if (blocks[index] != NULL) {
        if (list != NULL) list[list_count++] = blocks[index];
        else release(&work, blocks[index]);
      }
      const uint32_t one = below(next_random(&work), MOST - LEAST + 1);
      const uint32_t other = below(next_random(&work), MOST - LEAST + 1);
      blocks[index] = make(&work, LEAST + (one < other ? one : other));
    }
    if (list == NULL) continue;
    give_list(over.to, over.given++, list_count);
    take_all(&work, &over);
  }
  end_hand_over(&work, &over);
  release_list(&work, blocks, BLOCKS);
  self->work = work;
}

static const struct workload WORKLOADS[] = {
    {"local", 1, run_local, NULL},
    {"larson", 3, run_larson, NULL},
    {"xmalloc", 1, run_xmalloc, NULL},
    {"mstress", 2, run_mstress, NULL},
    {"cache-scratch", 1, run_cache_scratch, prepare_cache_scratch},
    {"sh6", 1, run_sh6, NULL},
    {"sh8", 1, run_sh8, NULL},
    {"rptest", 1, run_rptest, NULL},
};

const struct workload *find_workload(const char *name) {
  for (size_t index = 0; index < sizeof WORKLOADS / sizeof *WORKLOADS; index++)
    if (strcmp(name, WORKLOADS[index].name) == 0) return &WORKLOADS[index];
  return NULL;
}
