/* A program without a free: nothing calls it, and main takes no arguments for which the C library would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  char *text = malloc(10);
  strcpy(text, "leaked");
  puts(text);
  return 0;
}
