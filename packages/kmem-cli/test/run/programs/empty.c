/* Shows that C programs can be compiled. */
#include <stdlib.h>

int main(void) {
  free(malloc(1));
  return 0;
}
