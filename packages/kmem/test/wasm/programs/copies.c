#include <stdlib.h>
#include <string.h>

/* Where one function only calls malloc, an optimizer that sees all of the program puts malloc into it. */
char *copy(const char *text) {
  char *made = malloc(strlen(text) + 1);
  strcpy(made, text);
  return made;
}

int main(void) {
  char *one = copy("one");
  char *two = copy("two");
  int is_right = !strcmp(one, "one") && !strcmp(two, "two");
  free(one);
  free(two);
  return is_right ? 0 : 42;
}
