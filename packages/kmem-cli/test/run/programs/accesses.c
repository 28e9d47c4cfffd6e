/*
 * Programs with one planted bug each, chosen by the first argument; those with a second argument do the same without
 * the bug, and "all" does all of them so. A test finds the lines by their marks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compiler must not know what a pointer is, nor what is read: it would leave out what it may. */
static void *volatile seen;
static volatile int result;

static void *hide(void *p) {
  seen = p;
  return seen;
}

__attribute__((noinline)) static void overflow_read(int wrong) {
  char *p = hide(calloc(1, 24)); /* mark: overflow_read allocated */
  result = p[23 + wrong];        /* mark: overflow_read */
  free(p);
}

__attribute__((noinline)) static void overflow_write(int wrong) {
  char *p = hide(malloc(21)); /* mark: overflow_write allocated */
  p[20 + wrong] = 7;          /* mark: overflow_write */
  free(p);
}

__attribute__((noinline)) static void underflow_read(int wrong) {
  char *p = hide(calloc(1, 24)); /* mark: underflow_read allocated */
  result = p[0 - wrong];         /* mark: underflow_read */
  free(p);
}

__attribute__((noinline)) static void underflow_write(int wrong) {
  char *p = hide(malloc(24)); /* mark: underflow_write allocated */
  p[0 - wrong] = 7;           /* mark: underflow_write */
  free(p);
}

__attribute__((noinline)) static void wide_read(int wrong) {
  int64_t *p = hide(calloc(3, 8)); /* mark: wide_read allocated */
  result = (int)p[2 + wrong];      /* mark: wide_read */
  free(p);
}

__attribute__((noinline)) static void packed_write(int wrong) {
  struct __attribute__((packed)) { char head; double value; } *p = hide(malloc(9 - wrong)); /* mark: packed_write allocated */
  p->value = 1.5; /* mark: packed_write */
  free(p);
}

__attribute__((noinline)) static void freed_read(int wrong) {
  int *p = hide(calloc(10, 4)); /* mark: freed_read allocated */
  if (wrong) free(p);           /* mark: freed_read freed */
  result = p[4];                /* mark: freed_read */
  if (!wrong) free(p);
}

__attribute__((noinline)) static void freed_write(int wrong) {
  int *p = hide(malloc(40)); /* mark: freed_write allocated */
  if (wrong) free(p);        /* mark: freed_write freed */
  p[4] = 7;                  /* mark: freed_write */
  if (!wrong) free(p);
}

__attribute__((noinline)) static void double_free(int wrong) {
  char *p = hide(malloc(20)); /* mark: double_free allocated */
  free(p);                    /* mark: double_free freed */
  if (wrong) free(p);         /* mark: double_free */
}

__attribute__((noinline)) static void invalid_free(int wrong) {
  char *p = hide(malloc(32)); /* mark: invalid_free allocated */
  if (wrong) free(p + 16);    /* mark: invalid_free */
  free(p);
}

__attribute__((noinline)) static void mismatched_realloc(int wrong) {
  char *p = hide(malloc(48));                         /* mark: mismatched_realloc allocated */
  char *q = realloc(p + 16 * wrong, 96);              /* mark: mismatched_realloc */
  free(wrong ? p : q);
}

__attribute__((noinline)) static void undefined_read(int wrong) {
  int *p = hide(malloc(40)); /* mark: undefined_read allocated */
  p[3 + wrong] = 1;
  result = p[3];             /* mark: undefined_read */
  free(p);
}

__attribute__((noinline)) static void undefined_copy(int wrong) {
  char *p = hide(malloc(40)); /* the copy is no use of what was never written */
  memset(p, 1, 20);
  p = realloc(p, 60);         /* mark: undefined_copy allocated */
  result = p[19 + wrong];     /* mark: undefined_copy */
  free(p);
}

__attribute__((noinline)) static void leak(int wrong) {
  char *p = hide(malloc(100)); /* mark: leak allocated */
  if (!wrong) free(p);
  seen = 0;
}

__attribute__((noinline)) static void copy_from(int wrong) {
  char *p = hide(calloc(1, 100)); /* mark: copy_from allocated */
  char to[200];
  memcpy(to, p, 100 + wrong); /* mark: copy_from */
  result = to[50];
  free(p);
}

__attribute__((noinline)) static void fill(int wrong) {
  char *p = hide(malloc(100));  /* mark: fill allocated */
  memset(p, 1, 100 + wrong);    /* mark: fill */
  free(p);
}

/* Words are read past the ends of strings by the functions of C libraries: that is nothing to be told. */
__attribute__((noinline)) static void strings(void) {
  for (size_t size = 1; size < 70; size++) {
    char *text = malloc(size);
    memset(text, 'a', size - 1);
    text[size - 1] = 0;
    char *other = strdup(text);
    if (strlen(text) != size - 1 || strcmp(text, other) != 0 || strchr(text, 'b') != NULL) exit(1);
    char *both = malloc(2 * size - 1);
    strcpy(both, text);
    strcat(both, other);
    if (memchr(both, 0, 2 * size - 1) != both + 2 * size - 2) exit(1);
    free(text);
    free(both);
    free(other);
  }
}

/* Blocks that move, buffers of the library's own and calls of the system. */
__attribute__((noinline)) static void busy(void) {
  char *blocks[50] = {0};
  for (int turn = 0; turn < 20000; turn++) {
    int at = turn * 7 % 50;
    size_t size = (size_t)turn * 37 % 3000;
    if (turn % 3 == 0) {
      free(blocks[at]);
      blocks[at] = NULL;
    } else if (blocks[at] == NULL) {
      blocks[at] = turn % 2 ? calloc(1, size + 1) : malloc(size + 1);
      memset(blocks[at], turn, size + 1);
    } else {
      blocks[at] = realloc(blocks[at], size + 2);
      blocks[at][size + 1] = 1;
    }
  }
  void *aligned = NULL;
  if (posix_memalign(&aligned, 256, 100) != 0 || (uintptr_t)aligned % 256 != 0) exit(1);
  memset(aligned, 1, 100);
  free(aligned);
  for (int at = 0; at < 50; at++) free(blocks[at]);
  if (malloc(0xfffffff0) != NULL) exit(1);
  char text[64];
  snprintf(text, sizeof text, "%d %s %.3f", 5, "words", 2.5);
  if (strcmp(text, "5 words 2.500") != 0) exit(1);
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  int all = strcmp(name, "all") == 0;
  int wrong = argc < 3 && !all;
#define BUG(function) \
  if (all || strcmp(name, #function) == 0) function(wrong);
  BUG(overflow_read)
  BUG(overflow_write)
  BUG(underflow_read)
  BUG(underflow_write)
  BUG(wide_read)
  BUG(packed_write)
  BUG(freed_read)
  BUG(freed_write)
  BUG(double_free)
  BUG(invalid_free)
  BUG(mismatched_realloc)
  BUG(undefined_read)
  BUG(undefined_copy)
  BUG(leak)
  BUG(copy_from)
  BUG(fill)
  if (all) strings();
  if (all) busy();
  return 0;
}
