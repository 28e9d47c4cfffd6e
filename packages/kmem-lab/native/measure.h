/* What measure.c offers of its other parts. */
#ifndef KMEM_MEASURE_H
#define KMEM_MEASURE_H

#include <stdint.h>

/* latency.c: times each operation by itself. */
void time_each(const char *ops_path, const char *closing_path, int warmup_count, int pass_count);
/* drift.c: operations of a changing mix, made as it goes. */
void drift(uint64_t op_count);
/* release.c: has the malloc of this process give back what it keeps, and answers by which function. */
const char *release_memory(void);

#endif
