/* Programs with one planted bug each, chosen by the first argument. A test finds the lines by their marks. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compiler must not know what a pointer is: it would leave out what it may. */
static void *volatile seen;
static char *kept;
static char *list;

static void *hide(void *p) {
  seen = p;
  return seen;
}

__attribute__((noinline)) static void leak(void) {
  char *p = hide(malloc(100)); /* mark: leak */
  memset(p, 1, 100);
  seen = 0;
}

__attribute__((noinline)) static void reachable(void) {
  kept = malloc(60); /* mark: reachable */
  list = malloc(sizeof(char *));
  *(char **)list = malloc(70);
}

__attribute__((noinline)) static void double_free(void) {
  char *p = hide(malloc(20)); /* mark: double_free allocated */
  free(p);                    /* mark: double_free freed */
  free(p);                    /* mark: double_free */
}

__attribute__((noinline)) static void overflow(void) {
  char *p = hide(malloc(24)); /* mark: overflow */
  p[24] = 7;
  free(p);
}

__attribute__((noinline)) static void underflow(void) {
  char *p = hide(calloc(3, 8)); /* mark: underflow */
  p[-1] = 7;
  free(p);
}

__attribute__((noinline)) static void late_write(void) {
  char *p = hide(malloc(40)); /* mark: late_write */
  free(p);                    /* mark: late_write freed */
  p[4] = 7;
}

__attribute__((noinline)) static void invalid_free(void) {
  char *p = hide(malloc(32)); /* mark: invalid_free allocated */
  free(p + 8);                /* mark: invalid_free */
  free(p);
}

__attribute__((noinline)) static void static_free(void) {
  static char words[64];
  free(hide(words)); /* mark: static_free */
}

__attribute__((noinline)) static void stale_realloc(void) {
  char *p = hide(malloc(48)); /* mark: stale_realloc allocated */
  free(p);                    /* mark: stale_realloc freed */
  if (realloc(p, 96) != NULL) exit(1); /* mark: stale_realloc */
}

__attribute__((noinline)) static void live_overflow(void) {
  kept = malloc(50); /* mark: live_overflow */
  kept[50] = 1;
}

__attribute__((noinline)) static int failing(void) {
  char *p = malloc(10);
  char *larger = realloc(p, 10000);
  if (larger == NULL) {
    /* The block that p still has is forgotten. */
    p = NULL; /* mark: failing */
    return 5;
  }
  free(larger);
  return 0;
}

__attribute__((noinline)) static void trap(void) {
  kept = malloc(10);
  __builtin_trap(); /* mark: trap */
}

__attribute__((noinline)) static void clean(void) {
  char *blocks[50] = {0};
  for (int turn = 0; turn < 2000; turn++) {
    int at = turn * 7 % 50;
    size_t size = (size_t)turn * 37 % 3000;
    if (turn % 3 == 0) {
      free(blocks[at]);
      blocks[at] = NULL;
    } else if (blocks[at] == NULL) {
      blocks[at] = turn % 2 ? calloc(1, size) : malloc(size);
      memset(blocks[at], turn, size);
    } else {
      blocks[at] = realloc(blocks[at], size + 1);
      blocks[at][size] = 1;
    }
  }
  void *aligned = NULL;
  if (posix_memalign(&aligned, 256, 100) != 0 || (uintptr_t)aligned % 256 != 0) exit(1);
  free(aligned);
  aligned = aligned_alloc(64, 128);
  free(aligned);
  for (int at = 0; at < 50; at++) free(blocks[at]);
  if (malloc(0xfffffff0) != NULL || calloc(1 << 20, 1 << 20) != NULL) exit(1);
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  int code = 0;
#define BUG(function) \
  if (strcmp(name, #function) == 0) function();
  BUG(leak)
  BUG(reachable)
  BUG(double_free)
  BUG(overflow)
  BUG(underflow)
  BUG(late_write)
  BUG(invalid_free)
  BUG(static_free)
  BUG(stale_realloc)
  BUG(live_overflow)
  BUG(trap)
  BUG(clean)
  if (strcmp(name, "failing") == 0) code = failing();
  if (argc > 2) printf("%s %d\n", name, argc);
  return argc > 2 ? atoi(argv[2]) : code;
}
