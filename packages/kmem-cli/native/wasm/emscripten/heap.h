// Only the statistics of emmalloc ask for these, and nobody asks for its statistics.
#ifndef KMEM_EMSCRIPTEN_HEAP_H
#define KMEM_EMSCRIPTEN_HEAP_H

#include <stddef.h>

static inline size_t emscripten_get_heap_size(void) {
  return __builtin_wasm_memory_size(0) * (size_t)65536;
}

static inline size_t emscripten_get_heap_max(void) {
  return emscripten_get_heap_size();
}

#endif
