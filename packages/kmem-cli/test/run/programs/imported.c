/* A program that was linked without an allocator: it imports one from "env". */
typedef unsigned long size_t;

#define ENV(function) __attribute__((import_module("env"), import_name(#function)))
ENV(malloc) void *malloc(size_t);
ENV(free) void free(void *);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"))) void proc_exit(int);

__attribute__((noinline)) static void work(void) {
  char *p = malloc(10);
  free(p);
  free(p); /* mark: double_free */
  malloc(77); /* mark: leak */
}

void _start(void) {
  work();
  proc_exit(4);
}
