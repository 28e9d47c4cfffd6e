/* A program whose calls of malloc are known: what the samples beside it were recorded from. See make-samples.sh. */
#include <malloc.h>
#include <mcheck.h>
#include <stdlib.h>

#define COUNT 40

static void *volatile kept[COUNT];

__attribute__((noinline)) static void *make(size_t size) {
  return malloc(size);
}

int main(void) {
  mtrace();
  for (int i = 0; i < COUNT; i++) kept[i] = make(16 + 24 * (size_t)i);
  for (int i = 0; i < COUNT; i += 2) {
    free(kept[i]);
    kept[i] = calloc(3, 40 + (size_t)i);
  }
  for (int i = 1; i < COUNT; i += 4) kept[i] = realloc(kept[i], 2000 + (size_t)i);
  void *volatile aligned = memalign(256, 1000);
  free(aligned);
  for (int i = 0; i < COUNT - 8; i++) free(kept[i]);
  muntrace();
  return 0;
}
