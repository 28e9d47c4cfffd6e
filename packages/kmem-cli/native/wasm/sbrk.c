// The end of the heap of a module whose allocator moves it by any number of bytes. wasi-libc's own takes whole
// WebAssembly pages only.

#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 65536ull

extern unsigned char __heap_base;

static uint64_t heap_end;

void *sbrk(intptr_t increment) {
  if (heap_end == 0) heap_end = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  const uint64_t start = heap_end;
  // Emscripten's reads requests beyond 2 GiB as what they are, unsigned; emmalloc makes no negative ones here.
  const uint64_t end = start + (uintptr_t)increment;
  if (end > UINT32_MAX) return (void *)-1;
  const uint64_t sizeBytes = __builtin_wasm_memory_size(0) * PAGE_BYTES;
  if (end > sizeBytes) {
    const size_t pageCount = (size_t)((end - sizeBytes + PAGE_BYTES - 1) / PAGE_BYTES);
    if (__builtin_wasm_memory_grow(0, pageCount) == (size_t)-1) return (void *)-1;
  }
  heap_end = end;
  return (void *)(uintptr_t)start;
}
