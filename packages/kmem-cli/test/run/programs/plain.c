/* Has no allocator: wasi-libc's puts has a buffer that is static. */
#include <stdio.h>

int main(void) {
  puts("plain");
#ifdef TRAPS
  __builtin_trap();
#endif
  return 3;
}
