/* Lists of texts that grow, and a sum of all that is in them: every function of malloc's family is called. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
  struct node *next;
  char *text;
};

static struct node *pushed(struct node *head, int number) {
  struct node *one = malloc(sizeof *one);
  one->text = calloc(1, (number * 37) % 300 + 10);
  for (int at = 0; at < (number * 37) % 300 + 10; at++)
    if (one->text[at] != 0) abort();
  snprintf(one->text, 10, "n%d", number);
  one->text = realloc(one->text, (number * 91) % 700 + 10);
  one->next = head;
  return one;
}

static struct node *popped(struct node *head) {
  struct node *next = head->next;
  free(head->text);
  free(head);
  return next;
}

static unsigned long aligned_sum(void) {
  void *block = aligned_alloc(64, 128);
  unsigned long sum = (uintptr_t)block % 64 + (malloc_usable_size(block) >= 128);
  free(block);
  if (posix_memalign(&block, 256, 1000) != 0) abort();
  sum += (uintptr_t)block % 256;
  free(block);
  return sum;
}

int main(void) {
  struct node *head = NULL;
  unsigned long sum = 0;
  for (int number = 0; number < 3000; number++) {
    head = pushed(head, number);
    if (number % 3 == 0) head = popped(head);
    if (number % 100 == 0) sum += aligned_sum();
  }
  for (struct node *one = head; one != NULL; one = one->next)
    for (char *at = one->text; *at != 0; at++) sum = sum * 31 + *at;
  while (head != NULL) head = popped(head);
  printf("%lu\n", sum);
  return 0;
}
