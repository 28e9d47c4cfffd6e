/* Builds binary trees, walks them and takes them down again; one stays while the others come and go. */
#include "allocator.h"

enum { DEPTH = 12, SEED = 1 };

struct node {
  struct node *left, *right;
  uint32_t value;
};

static struct node *build(uint32_t depth) {
  struct node *node = take(sizeof *node);
  node->value = random_next();
  node->left = depth > 0 ? build(depth - 1) : NULL;
  node->right = depth > 0 ? build(depth - 1) : NULL;
  return node;
}

static uint32_t sum(const struct node *node) {
  return node == NULL ? 0 : node->value + sum(node->left) + 3 * sum(node->right);
}

static void take_down(struct node *node) {
  if (node == NULL) return;
  take_down(node->left);
  take_down(node->right);
  release(node);
}

EXPORT(run) uint32_t run(uint32_t rounds) {
  random_state = SEED;
  struct node *lasting = build(DEPTH + 1);
  uint32_t total = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    struct node *tree = build(DEPTH - round % 4);
    total = total * 31 + sum(tree);
    take_down(tree);
  }
  total += sum(lasting);
  take_down(lasting);
  return total;
}
