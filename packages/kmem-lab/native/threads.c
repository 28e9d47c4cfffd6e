/*
 * Times several threads on the malloc of this process: the mirror image of src/threads, for the native contenders.
 * Another malloc than the C library's comes in by LD_PRELOAD. What the threads do stands in thread-workloads.c.
 *
 *     threads probe                                            prints the file that this process has its malloc from
 *     threads run WORKLOAD THREADS AMOUNT WARMUP_AMOUNT WARMUP_MS
 *
 * A run repeats the workload with WARMUP_AMOUNT until WARMUP_MS have gone by, then does it once with AMOUNT, timed. Its
 * result is one line of JSON on standard output.
 */
#define _GNU_SOURCE
#include "threads.h"
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000, TIME_LIMIT_S = 300 };

struct lane_word {
  _Alignas(CACHE_LINE) _Atomic uint32_t value;
};

/* What holds from one phase to the next. */
static struct {
  _Alignas(CACHE_LINE) _Atomic uint32_t phase; /* raised by one to start a phase */
  uint32_t amount;
  bool is_last;
  _Alignas(CACHE_LINE) _Atomic uint32_t done_count;
  struct lane_word turns[LANES_MAX]; /* threads of the lane that have done their phase, over all phases */
} control;

struct shared shared;
uint32_t lane_count, generation_count;

_Noreturn void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "not as expected");
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void await_value(_Atomic uint32_t *word, uint32_t value) {
  for (uint32_t seen = atomic_load(word); seen != value; seen = atomic_load(word)) futex_wait(word, seen);
}

void set_value(_Atomic uint32_t *word, uint32_t value) {
  atomic_store(word, value);
  futex_wake_all(word);
}

static const struct workload *workload;

static void *thread_main(void *argument) {
  struct thread *self = argument;
  for (uint32_t phase = 1;; phase++) {
    const uint32_t turn = (phase - 1) * generation_count + self->generation;
    await_value(&control.phase, phase);
    await_value(&control.turns[self->lane].value, turn);
    self->work = start_work(self->number);
    self->start_ns = now_ns();
    workload->run(self, control.amount);
    self->end_ns = now_ns();
    const bool is_last = control.is_last;
    set_value(&control.turns[self->lane].value, turn + 1);
    atomic_fetch_add(&control.done_count, 1);
    futex_wake_all(&control.done_count);
    if (is_last) return NULL;
  }
}

/* Runs one phase to its end. Answers what the main thread has done for it. */
static struct work run_phase(uint32_t amount, bool is_last) {
  struct work work = start_work(lane_count * generation_count);
  memset(&shared, 0, offsetof(struct shared, rings) + lane_count * sizeof *shared.rings);
  if (workload->prepare != NULL) workload->prepare(&work);
  control.amount = amount;
  control.is_last = is_last;
  atomic_store(&control.done_count, 0);
  set_value(&control.phase, atomic_load(&control.phase) + 1);
  await_value(&control.done_count, lane_count * generation_count);
  return work;
}

static void print_result(struct work sum, const struct thread *threads, uint32_t thread_count) {
  uint64_t start_ns = UINT64_MAX, end_ns = 0;
  for (uint32_t number = 0; number < thread_count; number++) {
    const struct thread *thread = &threads[number];
    if (thread->start_ns < start_ns) start_ns = thread->start_ns;
    if (thread->end_ns > end_ns) end_ns = thread->end_ns;
    sum.allocated += thread->work.allocated;
    sum.freed += thread->work.freed;
    sum.faults += thread->work.faults;
    sum.requested_bytes += thread->work.requested_bytes;
  }
  printf("{\"elapsedNs\":%" PRIu64 ",\"allocatedCount\":%" PRIu32 ",\"freedCount\":%" PRIu32 ",\"faultCount\":%" PRIu32
         ",\"requestedBytesMod32\":%" PRIu32 ",\"problems\":[]}\n",
         end_ns - start_ns, sum.allocated, sum.freed, sum.faults, sum.requested_bytes);
}

static void run(uint32_t amount, uint32_t warmup_amount, uint64_t warmup_ms) {
  static struct thread threads[LANES_MAX * GENERATIONS_MAX];
  const uint32_t thread_count = lane_count * generation_count;
  for (uint32_t number = 0; number < thread_count; number++) {
    struct thread *thread = &threads[number];
    thread->number = number;
    thread->lane = number % lane_count;
    thread->generation = number / lane_count;
    if (pthread_create(&thread->handle, NULL, thread_main, thread) != 0) die("pthread_create");
  }
  const uint64_t start_ns = now_ns();
  do run_phase(warmup_amount, false);
  while (now_ns() - start_ns < warmup_ms * NS_PER_MS);
  const struct work own = run_phase(amount, true);
  for (uint32_t number = 0; number < thread_count; number++) pthread_join(threads[number].handle, NULL);
  print_result(own, threads, thread_count);
}

/* A library that cannot be preloaded is passed over with a warning: here it is found out where malloc came from. */
static void probe(void) {
  Dl_info info;
  void *entry = dlsym(RTLD_DEFAULT, "malloc");
  if (entry == NULL || dladdr(entry, &info) == 0) die("malloc cannot be found");
  printf("%s\n", info.dli_fname);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "probe") == 0) {
    probe();
    return 0;
  }
  const bool runs = argc == 7 && strcmp(argv[1], "run") == 0;
  workload = runs ? find_workload(argv[2]) : NULL;
  lane_count = runs ? (uint32_t)atoi(argv[3]) : 0;
  if (workload == NULL || lane_count == 0 || lane_count > LANES_MAX) {
    fprintf(stderr, "usage: threads probe | run WORKLOAD THREADS AMOUNT WARMUP_AMOUNT WARMUP_MS\n");
    return 2;
  }
  generation_count = workload->generation_count;
  /* Threads that wait for ever are ended. */
  alarm(TIME_LIMIT_S);
  run((uint32_t)atoi(argv[4]), (uint32_t)atoi(argv[5]), (uint64_t)atoi(argv[6]));
  return 0;
}
