/* What the recorder writes: a file for each process, little endian. src/record/records.ts reads it. */
#ifndef KMEM_RECORDER_H
#define KMEM_RECORDER_H

#include <stdint.h>

#define FOLDER_VARIABLE "KMEM_RECORD_FOLDER"
#define PATH_BYTES 4096
#define RECORDER_VERSION 1

/* "KMRF", "KMRB", "KMRM". */
#define FILE_MAGIC 0x46524d4bu
#define BLOCK_MAGIC 0x42524d4bu
#define MAPS_MAGIC 0x4d524d4bu

/* The head of a file; blocks follow. */
typedef struct {
  uint32_t magic;
  uint32_t version;
  uint32_t pointer_bytes;
  uint32_t pid;
  uint32_t parent;
} file_head_t;

/* The head of a block: `count` records, or bytes of /proc/self/maps. Times of records count from `base_ns`. */
typedef struct {
  uint32_t magic;
  uint32_t thread;
  uint32_t count;
  uint32_t spare;
  uint64_t base_ns;
} block_t;

enum { CALL_MALLOC = 0, CALL_FREE = 1, CALL_CALLOC = 2, CALL_REALLOC = 3, CALL_ALIGNED = 4, CALL_MOVE = 5 };

#define ADDRESS_BITS 48
#define LOG2_ALIGN_SHIFT 48
#define CALL_SHIFT 56

/*
 * One call: the address that it is about with the call and, of CALL_ALIGNED, log2 of the alignment above it; where it was
 * called; its place in the order of the process's calls; the size, at most 2^32 - 1. A realloc is two records: CALL_MOVE
 * of the old block as it begins, and CALL_REALLOC with what it answered.
 */
typedef struct {
  uint64_t block;
  uint64_t site;
  uint64_t number;
  uint32_t size;
  uint32_t time_ns;
} record_t;

#endif
