/*
 * The program of `kmem replay` for native contenders.
 *
 *     replay probe                              prints the file that this process has its malloc from
 *     replay time OPS CLOSING WARMUP_MS PASSES  times passes over OPS; CLOSING frees what is live at its end
 *     replay account OPS [SAMPLES]              counts bytes, and reads the resident memory as it grows
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

int main(int argc, char **argv) {
  buffer_output();
  if (argc == 2 && strcmp(argv[1], "probe") == 0) probe();
  else if (argc == 6 && strcmp(argv[1], "time") == 0) time_passes(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
  else if (argc == 3 && strcmp(argv[1], "account") == 0) account_pass(argv[2], 0, NULL);
  else if (argc == 4 && strcmp(argv[1], "account") == 0) account_pass(argv[2], strtoull(argv[3], NULL, 10), NULL);
  else {
    fprintf(stderr, "usage: replay probe | time OPS CLOSING WARMUP_MS PASSES | account OPS [SAMPLES]\n");
    return 2;
  }
  return 0;
}
