// What emmalloc wants of Emscripten's header, which it does not have when clang compiles it by itself.
#ifndef KMEM_EMSCRIPTEN_H
#define KMEM_EMSCRIPTEN_H

#include <stddef.h>

// Emscripten aligns a long double to 8, wasi-libc to 16; emmalloc takes its alignment from this type.
#define max_align_t long long

#define EMSCRIPTEN_KEEPALIVE __attribute__((used))
// Prints in the console of a browser, which nobody asks for here.
#define MAIN_THREAD_ASYNC_EM_ASM(...) ((void)0)

// The statistics, in which wasi-libc does not believe.
struct mallinfo {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

#endif
