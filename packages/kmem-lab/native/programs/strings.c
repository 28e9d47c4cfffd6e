/* Builds lines out of words by realloc, keeps the last thousand of them, and joins them to one text now and then. */
#include "allocator.h"

enum { SEED = 11, KEPT = 1000, WORD_MAX = 12, WORDS_MAX = 24, LINES_PER_JOIN = 500 };

struct string {
  char *text;
  uint32_t length, capacity;
};

static void append(struct string *string, const char *text, uint32_t length) {
  if (string->length + length > string->capacity) {
    const uint32_t wanted = string->length + length;
    string->capacity = wanted + wanted / 4;
    string->text = string->text == NULL ? take(string->capacity) : resize(string->text, string->capacity);
  }
  for (uint32_t index = 0; index < length; index++) string->text[string->length + index] = text[index];
  string->length += length;
}

static void append_word(struct string *line) {
  char word[WORD_MAX + 1];
  const uint32_t length = 1 + random_next() % WORD_MAX;
  for (uint32_t index = 0; index < length; index++) word[index] = (char)('a' + random_next() % 26);
  word[length] = ' ';
  append(line, word, length + 1);
}

static uint32_t hash(const struct string *string) {
  uint32_t value = 0;
  for (uint32_t index = 0; index < string->length; index++) value = value * 31 + (uint8_t)string->text[index];
  return value;
}

EXPORT(run) uint32_t run(uint32_t lines) {
  static struct string kept[KEPT];
  random_state = SEED;
  uint32_t total = 0;
  for (uint32_t number = 0; number < lines; number++) {
    struct string *line = &kept[random_next() % KEPT];
    if (line->text != NULL) release(line->text);
    *line = (struct string){NULL, 0, 0};
    for (uint32_t word = random_next() % WORDS_MAX; word > 0; word--) append_word(line);
    if (number % LINES_PER_JOIN != 0) continue;
    struct string whole = {NULL, 0, 0};
    for (uint32_t index = 0; index < KEPT; index++) append(&whole, kept[index].text, kept[index].length);
    total = total * 31 + hash(&whole);
    if (whole.text != NULL) release(whole.text);
  }
  for (uint32_t index = 0; index < KEPT; index++) {
    if (kept[index].text != NULL) release(kept[index].text);
    kept[index] = (struct string){NULL, 0, 0};
  }
  return total;
}
