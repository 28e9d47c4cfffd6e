/* Programs that add pages to their memory by themselves, right and wrong; and one that writes over the heap's tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile hidden;

static void *hide(void *block) {
  hidden = block;
  return hidden;
}

static void grows(void) {
  char *first = hide(malloc(20));
  strcpy(first, "abc");
  __builtin_wasm_memory_grow(0, 1);
  first = realloc(first, 3000);
  char *second = hide(malloc(77));
  strcpy(second, "hello");
  sbrk(65536);
  char *large = hide(malloc(5000000));
  memset(large, 1, 5000000);
  puts(first);
  free(large);
  free(second);
  free(first);
}

__attribute__((noinline)) static void freed(void) {
  char *block = hide(malloc(20));
  __builtin_wasm_memory_grow(0, 1);
  free(block);
  block[0] = 1; /* mark: freed */
}

__attribute__((noinline)) static void odd(void) {
  char *block = hide(malloc(21));
  char to[32];
  memcpy(to, block, 22); /* mark: odd */
  hidden = to;
  free(block);
}

static void tables(void) {
  char *block = hide(malloc(40));
  memset(block - 80000, 170, 70000);
  puts("end");
}

int main(int count, char **words) {
  const char *name = count > 1 ? words[1] : "grows";
  if (strcmp(name, "grows") == 0) grows();
  if (strcmp(name, "freed") == 0) freed();
  if (strcmp(name, "odd") == 0) odd();
  if (strcmp(name, "tables") == 0) tables();
  return 0;
}
