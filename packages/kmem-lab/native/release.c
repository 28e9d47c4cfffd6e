/*
 * Has the malloc of this process give back what it keeps for later, by the function that it has for that. The C
 * library's malloc_trim is there under every other malloc too, so it is looked for last.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>

#include "measure.h"

const char *release_memory(void) {
  void (*collect)(bool) = (void (*)(bool))dlsym(RTLD_DEFAULT, "mi_collect");
  if (collect != NULL) {
    collect(true);
    return "mi_collect";
  }
  int (*control)(const char *, void *, size_t *, void *, size_t) =
      (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
  if (control != NULL) {
    control("thread.tcache.flush", NULL, NULL, NULL, 0);
    /* 4096 stands for all arenas. */
    return control("arena.4096.purge", NULL, NULL, NULL, 0) == 0 ? "mallctl" : "";
  }
  void (*release)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
  if (release != NULL) {
    release();
    return "MallocExtension_ReleaseFreeMemory";
  }
  malloc_trim(0);
  return "malloc_trim";
}
