/*
 * What programs that replay have in common: operation files, the loop that applies them, the clock, and the resident
 * memory of the process. Defined in replay.c.
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
void close_ops(const struct op_file *file);
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

/* Prints the file that this process has its malloc from: a library that cannot be preloaded is passed over. */
void probe(void);
/* Times passes over OPS; CLOSING frees what is live at its end. */
void time_passes(const char *ops_path, const char *closing_path, int warmup_ms, int pass_count);
/*
 * Counts bytes, and reads the resident memory as it grows. `at_end`, where there is one, prints more fields; it is given
 * the resident bytes before the first operation. With a sample count above 0 it prints the most live and resident bytes
 * of so many parts of the workload, too.
 */
void account_pass(const char *ops_path, uint64_t sample_count, void (*at_end)(uint64_t baseline_bytes));
/* Gives standard output a buffer of its own: else the C library would take one from the malloc under test. */
void buffer_output(void);

#endif
