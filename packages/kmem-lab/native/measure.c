/*
 * Measures the malloc of this process beyond what `kmem replay` shows; operation files and the loop that applies them
 * are those of replay.c in the command's package.
 *
 *     measure memory OPS CLOSING                 as `replay account OPS`; then frees all (CLOSING), reads the resident
 *                                                memory, has the malloc give back what it keeps, and reads it again
 *     measure latency OPS CLOSING WARMUPS PASSES times each operation by itself (latency.c)
 *     measure drift COUNT                        so many operations of a changing mix (drift.c)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "replay.h"

static const char *closing_path;

static uint64_t above(uint64_t baseline_bytes) {
  const uint64_t resident = resident_bytes();
  return resident > baseline_bytes ? resident - baseline_bytes : 0;
}

/* Frees what is left, and prints what stays resident of it before and after the malloc is asked to give back. */
static void print_released(uint64_t baseline_bytes) {
  const struct op_file closing = open_ops(closing_path);
  replay_file(&closing);
  close_ops(&closing);
  const uint64_t freed_bytes = above(baseline_bytes);
  const char *function = release_memory();
  printf(",\"freedResidentBytes\":%" PRIu64 ",\"trimmedResidentBytes\":%" PRIu64 ",\"trimmedBy\":\"%s\"",
         freed_bytes, above(baseline_bytes), function);
}

int main(int argc, char **argv) {
  buffer_output();
  if (argc == 4 && strcmp(argv[1], "memory") == 0) {
    closing_path = argv[3];
    account_pass(argv[2], 0, print_released);
  } else if (argc == 6 && strcmp(argv[1], "latency") == 0) {
    time_each(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
  } else if (argc == 3 && strcmp(argv[1], "drift") == 0) {
    drift(strtoull(argv[2], NULL, 10));
  } else {
    fprintf(stderr, "usage: measure memory OPS CLOSING | latency OPS CLOSING WARMUPS PASSES | drift COUNT\n");
    return 2;
  }
  return 0;
}
