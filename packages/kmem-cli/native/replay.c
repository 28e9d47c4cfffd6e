/*
 * Replays an operation file through the malloc of this process: the mirror image of src/replay/replay-ops.ts and
 * src/replay/footprint-of-ops.ts, for the native contenders. Another malloc than the C library's comes in by LD_PRELOAD.
 * The format of the file is drawn in src/trace/op-stream.ts.
 *
 * Results are one line of JSON on standard output. What the replay itself needs is mapped before the first operation,
 * so that the allocator under test holds the blocks of the trace and nothing else.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

enum {
  OP_MALLOC,
  OP_FREE,
  OP_CALLOC,
  OP_REALLOC,
  OP_ALIGNED,
  OP_CACHE_ALLOC,
  OP_CACHE_FREE,
  OP_PAGE_ALLOC,
  OP_PAGE_FREE,
  OP_PAGE_RUN,
  OP_CACHE_BUILD,
};

enum {
  OPS_MAGIC = 0x53504f4b,
  OPS_VERSION = 1,
  HEADER_WORDS = 16,
  HEADER_MAGIC = 0,
  HEADER_VERSION = 1,
  HEADER_OP_COUNT_LOW = 3,
  HEADER_SLOT_COUNT = 5,
  HEADER_PAGE_BYTES = 12,
  OPS_PER_CHUNK = 65536,
  OP_CODE_MASK = 0xff,
  LOG2_ALIGN_SHIFT = 8,
  PAGE_BYTES = 4096,
  NS_PER_MS = 1000000,
  MS_PER_S = 1000,
};

/* Resident memory is read when the live bytes have grown by this share since the last reading, … */
enum { GROWTH_PER_SAMPLE_DIVISOR = 200 };
/* … and this many times over the whole trace, in case it grows while the live bytes do not. */
enum { EVEN_SAMPLE_COUNT = 512 };

static void **blocks;           /* by slot */
static uint32_t *pages_held;    /* by slot: pages of the block that have not been given back */
uint64_t failure_count;

_Noreturn void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "not as expected");
  exit(1);
}

void *map_bytes(size_t bytes) {
  void *memory = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                      -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  return memory;
}

static void read_fully(int descriptor, void *into, size_t bytes, uint64_t position) {
  for (size_t done = 0; done < bytes;) {
    ssize_t count = pread(descriptor, (char *)into + done, bytes - done, (off_t)(position + done));
    if (count <= 0) die("the operation file cannot be read");
    done += (size_t)count;
  }
}

struct op_file open_ops(const char *path) {
  struct op_file file = {.descriptor = open(path, O_RDONLY)};
  uint32_t header[HEADER_WORDS];
  if (file.descriptor < 0) die(path);
  read_fully(file.descriptor, header, sizeof header, 0);
  if (header[HEADER_MAGIC] != OPS_MAGIC || header[HEADER_VERSION] != OPS_VERSION ||
      header[HEADER_PAGE_BYTES] != PAGE_BYTES)
    die("the header of the operation file");
  file.op_count = header[HEADER_OP_COUNT_LOW] | (uint64_t)header[HEADER_OP_COUNT_LOW + 1] << 32;
  file.slot_count = header[HEADER_SLOT_COUNT];
  file.chunk = map_bytes(OPS_PER_CHUNK * sizeof(struct op));
  return file;
}

void close_ops(const struct op_file *file) {
  munmap(file->chunk, OPS_PER_CHUNK * sizeof(struct op));
  close(file->descriptor);
}

size_t read_chunk(const struct op_file *file, uint64_t first) {
  uint64_t left = file->op_count - first;
  size_t count = left < OPS_PER_CHUNK ? (size_t)left : OPS_PER_CHUNK;
  const uint64_t position = HEADER_WORDS * sizeof(uint32_t) + first * sizeof(struct op);
  read_fully(file->descriptor, file->chunk, count * sizeof(struct op), position);
  return count;
}

void create_tables(uint32_t slot_count) {
  blocks = map_bytes(slot_count * sizeof *blocks);
  pages_held = map_bytes(slot_count * sizeof *pages_held);
}

/*
 * What the constructor of a cache does, for a malloc that has none: the mirror image of src/replay/constructed-heap.ts.
 * All zeros, and a list head that points to itself.
 */
static inline void *build(void *object, uint32_t bytes) {
  if (object == NULL) return NULL;
  memset(object, 0, bytes);
  ((uint32_t *)object)[0] = ((uint32_t *)object)[1] = (uint32_t)(uintptr_t)object;
  return object;
}

void replay(const struct op *op, size_t count) {
  void **const block = blocks;
  uint32_t *const held = pages_held;
  uint64_t failures = 0;
  for (const struct op *end = op + count; op < end; op++) {
    const uint32_t slot = op->slot;
    switch (op->code & OP_CODE_MASK) {
      case OP_MALLOC:
      case OP_CACHE_ALLOC:
        failures += (block[slot] = malloc(op->size)) == NULL;
        break;
      case OP_FREE:
      case OP_CACHE_FREE:
        free(block[slot]);
        break;
      case OP_CALLOC:
        failures += (block[slot] = calloc(1, op->size)) == NULL;
        break;
      case OP_REALLOC: {
        /* A new size of 0 would free the block, which the trace does later. */
        void *moved = realloc(block[slot], op->size + (size_t)(op->size == 0));
        if (moved != NULL) block[slot] = moved;
        else failures++;
        break;
      }
      case OP_ALIGNED:
        failures += (block[slot] = aligned_alloc((size_t)1 << (op->code >> LOG2_ALIGN_SHIFT), op->size)) == NULL;
        break;
      case OP_PAGE_ALLOC:
        failures += (block[slot] = aligned_alloc(PAGE_BYTES, (size_t)PAGE_BYTES << op->size)) == NULL;
        held[slot] = (uint32_t)1 << op->size;
        break;
      case OP_PAGE_RUN:
        failures += (block[slot] = aligned_alloc(PAGE_BYTES, (size_t)PAGE_BYTES * op->size)) == NULL;
        held[slot] = op->size;
        break;
      case OP_CACHE_BUILD:
        failures += (block[slot] = build(malloc(op->size), op->size)) == NULL;
        break;
      case OP_PAGE_FREE:
        /* malloc takes back whole blocks only. */
        if ((held[slot] -= op->size) == 0) free(block[slot]);
        break;
    }
  }
  failure_count += failures;
}

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * MS_PER_S * NS_PER_MS + (uint64_t)now.tv_nsec;
}

uint64_t replay_file(const struct op_file *file) {
  uint64_t spent_ns = 0;
  for (uint64_t first = 0; first < file->op_count;) {
    const size_t count = read_chunk(file, first);
    const uint64_t start_ns = now_ns();
    replay(file->chunk, count);
    spent_ns += now_ns() - start_ns;
    first += count;
  }
  return spent_ns;
}

void time_passes(const char *ops_path, const char *closing_path, int warmup_ms, int pass_count) {
  const struct op_file ops = open_ops(ops_path);
  const struct op_file closing = open_ops(closing_path);
  create_tables(ops.slot_count);
  uint64_t *pass_ns = map_bytes((size_t)pass_count * sizeof *pass_ns);
  uint64_t warmup_ns = 0;
  do {
    warmup_ns += replay_file(&ops);
    replay_file(&closing);
  } while (warmup_ns < (uint64_t)warmup_ms * NS_PER_MS);
  for (int pass = 0; pass < pass_count; pass++) {
    failure_count = 0;
    pass_ns[pass] = replay_file(&ops);
    replay_file(&closing);
  }
  printf("{\"opCount\":%" PRIu64 ",\"failureCount\":%" PRIu64 ",\"passNs\":[", ops.op_count, failure_count);
  for (int pass = 0; pass < pass_count; pass++) printf("%s%" PRIu64, pass > 0 ? "," : "", pass_ns[pass]);
  printf("]}\n");
}

/* By how much an operation that succeeds changes the live bytes. */
static int64_t live_change(const struct op *op) {
  switch (op->code & OP_CODE_MASK) {
    case OP_FREE:
    case OP_CACHE_FREE:
      return -(int64_t)op->size;
    case OP_REALLOC:
      return (int64_t)op->size - op->aux;
    case OP_PAGE_ALLOC:
      return (int64_t)PAGE_BYTES << op->size;
    case OP_PAGE_RUN:
      return (int64_t)PAGE_BYTES * op->size;
    case OP_PAGE_FREE:
      return -(int64_t)op->size * PAGE_BYTES;
    default:
      return op->size;
  }
}

/* The number of the operation at which the live bytes are first at their peak. */
static uint64_t find_peak(const struct op_file *file) {
  int64_t live_bytes = 0, peak_bytes = 0;
  uint64_t peak_op = 0;
  for (uint64_t first = 0; first < file->op_count;) {
    const size_t count = read_chunk(file, first);
    for (size_t index = 0; index < count; index++) {
      live_bytes += live_change(&file->chunk[index]);
      if (live_bytes <= peak_bytes) continue;
      peak_bytes = live_bytes;
      peak_op = first + index;
    }
    first += count;
  }
  return peak_op;
}

/*
 * Resident bytes that belong to no file: what allocators hold, without the code of the libraries. The counters of
 * /proc/self/statm are cheaper to read and wrong by up to some hundred KiB, so they will not do.
 */
uint64_t resident_bytes(void) {
  static int descriptor = -1;
  static char text[4096];
  if (descriptor < 0) descriptor = open("/proc/self/smaps_rollup", O_RDONLY);
  const ssize_t length = descriptor < 0 ? -1 : pread(descriptor, text, sizeof text - 1, 0);
  if (length <= 0) die("/proc/self/smaps_rollup");
  text[length] = '\0';
  const char *field = strstr(text, "\nAnonymous:");
  if (field == NULL) die("/proc/self/smaps_rollup");
  return strtoull(field + strlen("\nAnonymous:"), NULL, 10) * 1024;
}

void touch(char *block, uint64_t bytes) {
  if (block == NULL || bytes == 0) return;
  for (uint64_t offset = 0; offset < bytes; offset += PAGE_BYTES) ((volatile char *)block)[offset] = 1;
  ((volatile char *)block)[bytes - 1] = 1;
}

struct account {
  uint64_t requested_bytes, allocated_bytes, live_bytes, peak_live_bytes;
  uint64_t baseline_bytes, peak_footprint_bytes, next_sample_bytes;
  uint64_t *live_sizes; /* by slot */
  /* Of the part of the workload that goes on, and of those before. */
  uint64_t part_live_bytes, part_footprint_bytes;
  uint64_t ops_per_sample, sample_count;
  uint64_t *live_samples, *footprint_samples;
};

static void sample_footprint(struct account *account) {
  const uint64_t resident = resident_bytes();
  const uint64_t footprint = resident > account->baseline_bytes ? resident - account->baseline_bytes : 0;
  if (footprint > account->peak_footprint_bytes) account->peak_footprint_bytes = footprint;
  if (footprint > account->part_footprint_bytes) account->part_footprint_bytes = footprint;
}

/* Ends a part of the workload; the next one begins with what there is now. */
static void end_part(struct account *account) {
  sample_footprint(account);
  account->live_samples[account->sample_count] = account->part_live_bytes;
  account->footprint_samples[account->sample_count] = account->part_footprint_bytes;
  account->sample_count++;
  account->part_live_bytes = account->live_bytes;
  account->part_footprint_bytes = 0;
  sample_footprint(account);
}

static void print_samples(const char *name, const uint64_t *samples, uint64_t count) {
  printf(",\"%s\":[", name);
  for (uint64_t index = 0; index < count; index++) printf("%s%" PRIu64, index > 0 ? "," : "", samples[index]);
  printf("]");
}

static void account_op(struct account *account, const struct op *op) {
  const uint32_t code = op->code & OP_CODE_MASK;
  const uint64_t failures_before = failure_count;
  uint64_t *live_size = &account->live_sizes[op->slot];
  replay(op, 1);
  const uint64_t live_before = *live_size;
  if (code == OP_FREE || code == OP_CACHE_FREE) {
    *live_size = 0;
  } else if (code == OP_PAGE_FREE) {
    *live_size -= blocks[op->slot] == NULL ? 0 : (uint64_t)op->size * PAGE_BYTES;
  } else if (failure_count == failures_before) {
    const uint64_t bytes = code == OP_PAGE_ALLOC ? (uint64_t)PAGE_BYTES << op->size
                           : code == OP_PAGE_RUN ? (uint64_t)PAGE_BYTES * op->size
                                                 : op->size;
    *live_size = bytes;
    account->requested_bytes += bytes;
    account->allocated_bytes += malloc_usable_size(blocks[op->slot]);
    touch(blocks[op->slot], bytes);
  }
  account->live_bytes += *live_size - live_before;
  if (account->live_bytes > account->peak_live_bytes) account->peak_live_bytes = account->live_bytes;
  if (account->live_bytes > account->part_live_bytes) account->part_live_bytes = account->live_bytes;
}

void account_pass(const char *ops_path, uint64_t sample_count, void (*at_end)(uint64_t baseline_bytes)) {
  const struct op_file ops = open_ops(ops_path);
  create_tables(ops.slot_count);
  struct account account = {.live_sizes = map_bytes(ops.slot_count * sizeof(uint64_t))};
  if (sample_count > 0) {
    account.ops_per_sample = (ops.op_count + sample_count - 1) / sample_count;
    account.live_samples = map_bytes(sample_count * sizeof(uint64_t));
    account.footprint_samples = map_bytes(sample_count * sizeof(uint64_t));
  }
  const uint64_t peak_op = find_peak(&ops);
  const uint64_t even_distance = ops.op_count / EVEN_SAMPLE_COUNT + 1;
  /* The first reading makes everything resident that reading itself needs. */
  resident_bytes();
  account.baseline_bytes = resident_bytes();
  for (uint64_t first = 0; first < ops.op_count;) {
    const size_t count = read_chunk(&ops, first);
    for (size_t index = 0; index < count; index++) {
      const uint64_t number = first + index;
      account_op(&account, &ops.chunk[index]);
      const bool has_grown = account.live_bytes >= account.next_sample_bytes;
      if (has_grown || number == peak_op || number % even_distance == 0) sample_footprint(&account);
      if (has_grown)
        account.next_sample_bytes = account.live_bytes + account.live_bytes / GROWTH_PER_SAMPLE_DIVISOR + PAGE_BYTES;
      if (sample_count > 0 && (number + 1) % account.ops_per_sample == 0) end_part(&account);
    }
    first += count;
  }
  printf("{\"opCount\":%" PRIu64 ",\"failureCount\":%" PRIu64 ",\"requestedBytes\":%" PRIu64
         ",\"allocatedBytes\":%" PRIu64 ",\"peakLiveBytes\":%" PRIu64 ",\"peakFootprintBytes\":%" PRIu64,
         ops.op_count, failure_count, account.requested_bytes, account.allocated_bytes, account.peak_live_bytes,
         account.peak_footprint_bytes);
  if (sample_count > 0) {
    if (ops.op_count % account.ops_per_sample != 0) end_part(&account);
    printf(",\"samples\":{\"opsPerSample\":%" PRIu64, account.ops_per_sample);
    print_samples("liveBytes", account.live_samples, account.sample_count);
    print_samples("footprintBytes", account.footprint_samples, account.sample_count);
    printf("}");
  }
  if (at_end != NULL) at_end(account.baseline_bytes);
  printf("}\n");
}

void probe(void) {
  Dl_info info;
  void *entry = dlsym(RTLD_DEFAULT, "malloc");
  if (entry == NULL || dladdr(entry, &info) == 0) die("malloc cannot be found");
  printf("%s\n", info.dli_fname);
}

void buffer_output(void) {
  static char output[PAGE_BYTES];
  setvbuf(stdout, output, _IOFBF, sizeof output);
}
