/* A hash table of chains that doubles as it fills; keys come and go, and values have sizes of their own. */
#include "allocator.h"

enum { SEED = 7, FIRST_BUCKETS = 16, KEYS = 20000, VALUE_MAX = 96 };

struct entry {
  struct entry *next;
  uint32_t key;
  uint32_t value_bytes;
  uint8_t *value;
};

struct table {
  struct entry **buckets;
  uint32_t bucket_count, entry_count;
};

static struct entry **new_buckets(uint32_t count) {
  struct entry **buckets = take(count * sizeof *buckets);
  for (uint32_t index = 0; index < count; index++) buckets[index] = NULL;
  return buckets;
}

static uint32_t place(uint32_t key, uint32_t bucket_count) { return (key * 2654435761u) & (bucket_count - 1); }

static void grow(struct table *table) {
  const uint32_t count = table->bucket_count * 2;
  struct entry **buckets = new_buckets(count);
  for (uint32_t index = 0; index < table->bucket_count; index++) {
    for (struct entry *entry = table->buckets[index], *next; entry != NULL; entry = next) {
      next = entry->next;
      const uint32_t at = place(entry->key, count);
      entry->next = buckets[at];
      buckets[at] = entry;
    }
  }
  release(table->buckets);
  table->buckets = buckets;
  table->bucket_count = count;
}

static struct entry **find(struct table *table, uint32_t key) {
  struct entry **link = &table->buckets[place(key, table->bucket_count)];
  while (*link != NULL && (*link)->key != key) link = &(*link)->next;
  return link;
}

static void put(struct table *table, uint32_t key) {
  if (table->entry_count >= table->bucket_count) grow(table);
  struct entry *entry = take(sizeof *entry);
  entry->key = key;
  entry->value_bytes = 1 + random_next() % VALUE_MAX;
  entry->value = take(entry->value_bytes);
  entry->value[0] = (uint8_t)key;
  struct entry **link = find(table, key);
  entry->next = *link;
  *link = entry;
  table->entry_count++;
}

static uint32_t drop(struct table *table, struct entry **link) {
  struct entry *entry = *link;
  const uint32_t seen = entry->value[0] + entry->value_bytes;
  *link = entry->next;
  release(entry->value);
  release(entry);
  table->entry_count--;
  return seen;
}

EXPORT(run) uint32_t run(uint32_t steps) {
  random_state = SEED;
  struct table table = {new_buckets(FIRST_BUCKETS), FIRST_BUCKETS, 0};
  uint32_t total = 0;
  for (uint32_t step = 0; step < steps; step++) {
    const uint32_t key = random_next() % KEYS;
    struct entry **link = find(&table, key);
    if (*link != NULL) total = total * 31 + drop(&table, link);
    else put(&table, key);
  }
  for (uint32_t index = 0; index < table.bucket_count; index++)
    while (table.buckets[index] != NULL) total += drop(&table, &table.buckets[index]);
  release(table.buckets);
  return total;
}
