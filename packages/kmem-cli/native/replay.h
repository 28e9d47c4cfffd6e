/*
 * What the parts of the replayer share: operation files, the loop that applies them, the clock, and the resident memory
 * of the process. Defined in replay.c.
 */
#ifndef KMEM_REPLAY_H
#define KMEM_REPLAY_H

#include <stddef.h>
#include <stdint.h>

struct op {
  uint32_t code, slot, size, aux;
};

struct op_file {
  int descriptor;
  uint64_t op_count;
  uint32_t slot_count;
  struct op *chunk;
};

/* Allocations that answered NULL. */
extern uint64_t failure_count;

_Noreturn void die(const char *what);
/* Zeroed memory that no malloc knows of, in place from the start. */
void *map_bytes(size_t bytes);
struct op_file open_ops(const char *path);
/* Reads the operations from number `first` on into the chunk and answers how many there are. */
size_t read_chunk(const struct op_file *file, uint64_t first);
void create_tables(uint32_t slot_count);
/* The loop that is timed. */
void replay(const struct op *op, size_t count);
/* One pass over a file; answers the nanoseconds spent in the loop alone. */
uint64_t replay_file(const struct op_file *file);
uint64_t now_ns(void);
/* Resident bytes that belong to no file. */
uint64_t resident_bytes(void);
/* Writes a byte to every page of a block: a block that nobody writes to has no memory under it yet. */
void touch(char *block, uint64_t bytes);

/* latency.c: times each operation by itself. */
void time_each(const char *ops_path, const char *closing_path, int warmup_count, int pass_count);
/* drift.c: operations of a changing mix, made as it goes. */
void drift(uint64_t op_count);
/* release.c: has the malloc of this process give back what it keeps, and answers by which function. */
const char *release_memory(void);

#endif
