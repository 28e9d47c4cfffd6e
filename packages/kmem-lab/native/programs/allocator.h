/*
 * The malloc of these programs, in WebAssembly: declared here because one build has no headers of a C library. In that
 * build the three functions are imported from JavaScript; in the other they are those of the C library.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef IMPORTED
#define FROM_HOST(name) __attribute__((import_module("env"), import_name(#name)))
#else
#define FROM_HOST(name)
#endif

FROM_HOST(malloc) void *malloc(size_t bytes);
FROM_HOST(realloc) void *realloc(void *block, size_t bytes);
FROM_HOST(free) void free(void *block);

#define EXPORT(name) __attribute__((export_name(#name)))

/* Calls of the allocator so far: the same in both builds, or they have not done the same. */
static uint32_t call_count;

EXPORT(calls) uint32_t calls(void) { return call_count; }

static inline void *take(size_t bytes) {
  call_count++;
  return malloc(bytes);
}

static inline void *resize(void *block, size_t bytes) {
  call_count++;
  return realloc(block, bytes);
}

static inline void release(void *block) {
  call_count++;
  free(block);
}

/* Marsaglia's xorshift, as in src/bench/loads/random.ts. */
static uint32_t random_state;

static inline uint32_t random_next(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}
