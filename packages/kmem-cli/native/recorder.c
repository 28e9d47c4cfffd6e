/*
 * Records the calls of malloc and its relatives in a program that it is preloaded into. Each thread has a buffer of its
 * own, so that a call costs a clock reading and a few stores; a full buffer is written with one write(2) to the process's
 * file. What comes out is native/recorder.h's records; src/record turns them into a trace.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define RECORDS_PER_BUFFER 4096
/* What malloc answers while its own address is looked up: dlsym allocates. */
#define EARLY_BYTES 65536
#define EARLY_ALIGN 16

typedef struct buffer {
  /* Records that are whole. Another thread may read them at exit. */
  _Atomic unsigned count;
  uint32_t thread;
  uint64_t base_ns;
  struct buffer *next;
  record_t records[RECORDS_PER_BUFFER];
} buffer_t;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static void *(*real_memalign)(size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);

static _Alignas(EARLY_ALIGN) char early[EARLY_BYTES];
static _Atomic size_t early_used;

static int file = -1;
static char folder[PATH_BYTES];
static _Atomic int is_open;
static pthread_key_t key;
/* The list is locked before the file. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t pid;
static buffer_t *all_buffers;
static buffer_t *spare_buffers;
/* Calls come one after another in the order of this number, whatever the threads' clocks say. */
static _Atomic uint64_t ticket;

static __thread buffer_t *mine __attribute__((tls_model("initial-exec")));
/* Set while the recorder itself runs, so that what it calls is not recorded. */
static __thread int is_inside __attribute__((tls_model("initial-exec")));

static void *early_alloc(size_t size) {
  size_t rounded = (size + 2 * EARLY_ALIGN - 1) & ~(size_t)(EARLY_ALIGN - 1);
  size_t at = atomic_fetch_add(&early_used, rounded + EARLY_ALIGN);
  if (at + rounded + EARLY_ALIGN > EARLY_BYTES) return NULL;
  *(size_t *)(early + at) = size;
  return early + at + EARLY_ALIGN;
}

static int is_early(const void *block) {
  return (const char *)block >= early && (const char *)block < early + EARLY_BYTES;
}

static void look_up(void) {
  real_malloc = dlsym(RTLD_NEXT, "malloc");
  real_calloc = dlsym(RTLD_NEXT, "calloc");
  real_realloc = dlsym(RTLD_NEXT, "realloc");
  real_free = dlsym(RTLD_NEXT, "free");
  real_memalign = dlsym(RTLD_NEXT, "memalign");
  real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
  real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void write_all(const void *bytes, size_t length) {
  const char *at = bytes;
  int before = errno;
  while (length > 0) {
    ssize_t done = write(file, at, length);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    at += done;
    length -= (size_t)done;
  }
  errno = before;
}

/* A buffer's records as one block. */
static void flush_buffer(buffer_t *buffer) {
  unsigned count = atomic_load(&buffer->count);
  if (count == 0 || file < 0) return;
  block_t head = {BLOCK_MAGIC, buffer->thread, count, 0, buffer->base_ns};
  pthread_mutex_lock(&file_lock);
  write_all(&head, sizeof head);
  write_all(buffer->records, count * sizeof(record_t));
  pthread_mutex_unlock(&file_lock);
  atomic_store(&buffer->count, 0);
}

/* A file for each program of each process: a child after fork has its own, and so has what exec starts. */
static void open_file(void) {
  char path[PATH_BYTES + 64];
  pid = getpid();
  snprintf(path, sizeof path, "%s/%d-%llu.rec", folder, (int)pid, (unsigned long long)now_ns());
  file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  file_head_t head = {FILE_MAGIC, RECORDER_VERSION, sizeof(void *), (uint32_t)pid, (uint32_t)getppid()};
  write_all(&head, sizeof head);
}

/* Where code lies, so that addresses of calls can be named. */
static void write_maps(void) {
  char text[16384];
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return;
  for (ssize_t got = read(maps, text, sizeof text); got > 0; got = read(maps, text, sizeof text)) {
    block_t head = {MAPS_MAGIC, 0, (uint32_t)got, 0, 0};
    write_all(&head, sizeof head);
    write_all(text, (size_t)got);
  }
  close(maps);
}

static void give_back(void *value) {
  buffer_t *buffer = value;
  is_inside++;
  flush_buffer(buffer);
  pthread_mutex_lock(&list_lock);
  for (buffer_t **at = &all_buffers; *at != NULL; at = &(*at)->next) {
    if (*at != buffer) continue;
    *at = buffer->next;
    break;
  }
  buffer->next = spare_buffers;
  spare_buffers = buffer;
  pthread_mutex_unlock(&list_lock);
  mine = NULL;
  is_inside--;
}

static buffer_t *new_buffer(void) {
  pthread_mutex_lock(&list_lock);
  buffer_t *buffer = spare_buffers;
  if (buffer != NULL) spare_buffers = buffer->next;
  pthread_mutex_unlock(&list_lock);
  if (buffer == NULL) {
    buffer = mmap(NULL, sizeof *buffer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED) return NULL;
  }
  atomic_store(&buffer->count, 0);
  buffer->thread = (uint32_t)syscall(SYS_gettid);
  pthread_mutex_lock(&list_lock);
  buffer->next = all_buffers;
  all_buffers = buffer;
  pthread_mutex_unlock(&list_lock);
  pthread_setspecific(key, buffer);
  mine = buffer;
  return buffer;
}

static void record(unsigned call, const void *block, unsigned log2_align, size_t size, const void *site,
                   uint64_t number) {
  if (is_inside || !atomic_load_explicit(&is_open, memory_order_relaxed)) return;
  is_inside++;
  buffer_t *buffer = mine != NULL ? mine : new_buffer();
  if (buffer != NULL) {
    uint64_t now = now_ns();
    unsigned at = atomic_load_explicit(&buffer->count, memory_order_relaxed);
    if (at > 0 && now - buffer->base_ns > UINT32_MAX) {
      flush_buffer(buffer);
      at = 0;
    }
    if (at == 0) buffer->base_ns = now;
    record_t *one = &buffer->records[at];
    one->block = ((uint64_t)(uintptr_t)block & (((uint64_t)1 << ADDRESS_BITS) - 1)) |
                 ((uint64_t)log2_align << LOG2_ALIGN_SHIFT) | ((uint64_t)call << CALL_SHIFT);
    one->site = (uint64_t)(uintptr_t)site;
    one->number = number;
    one->size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    one->time_ns = (uint32_t)(now - buffer->base_ns);
    atomic_store_explicit(&buffer->count, at + 1, memory_order_release);
    if (at + 1 == RECORDS_PER_BUFFER) flush_buffer(buffer);
  }
  is_inside--;
}

static unsigned log2_of(size_t align) {
  return align == 0 ? 0 : (unsigned)__builtin_ctzl(align);
}

/* A block is taken before its number, and given back after: so no other thread's call on it has a number in between. */
static uint64_t next_ticket(void) {
  return atomic_fetch_add_explicit(&ticket, 1, memory_order_relaxed);
}

static void flush_all(void) {
  pthread_mutex_lock(&list_lock);
  for (buffer_t *buffer = all_buffers; buffer != NULL; buffer = buffer->next) flush_buffer(buffer);
  pthread_mutex_unlock(&list_lock);
}

static void before_fork(void) {
  is_inside++;
  pthread_mutex_lock(&list_lock);
  pthread_mutex_lock(&file_lock);
}

static void after_fork_parent(void) {
  pthread_mutex_unlock(&file_lock);
  pthread_mutex_unlock(&list_lock);
  is_inside--;
}

/* The child has one thread, and a file of its own; what its parent's threads have not written is theirs to write. */
static void after_fork_child(void) {
  pthread_mutex_init(&list_lock, NULL);
  pthread_mutex_init(&file_lock, NULL);
  for (buffer_t *buffer = all_buffers; buffer != NULL; buffer = buffer->next) atomic_store(&buffer->count, 0);
  if (mine != NULL) mine->thread = (uint32_t)syscall(SYS_gettid);
  if (file >= 0) close(file);
  open_file();
  is_inside--;
}

__attribute__((constructor)) static void begin(void) {
  is_inside++;
  if (real_malloc == NULL) look_up();
  const char *named = getenv(FOLDER_VARIABLE);
  if (named != NULL && strlen(named) < PATH_BYTES) {
    strcpy(folder, named);
    pthread_key_create(&key, give_back);
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
    open_file();
    atomic_store(&is_open, file >= 0);
  }
  is_inside--;
}

static void end(void) {
  /* A child of vfork has its parent's memory, and its records are its parent's. */
  if (getpid() != pid || !atomic_exchange(&is_open, 0)) return;
  is_inside++;
  flush_all();
  write_maps();
  is_inside--;
}

__attribute__((destructor)) static void at_exit(void) {
  end();
}

/* What ends a process without its destructors. */
PUBLIC void _exit(int code) {
  end();
  syscall(SYS_exit_group, code);
  __builtin_unreachable();
}

PUBLIC void _Exit(int code) {
  _exit(code);
}

/* exec ends the program without its destructors; where it fails, recording goes on. */
static int run(int (*real)(const char *, char *const *, char *const *), const char *path, char *const *args,
               char *const *environment) {
  end();
  int result = real(path, args, environment);
  if (file >= 0 && getpid() == pid) atomic_store(&is_open, 1);
  return result;
}

PUBLIC int execve(const char *path, char *const args[], char *const environment[]) {
  return run((int (*)(const char *, char *const *, char *const *))dlsym(RTLD_NEXT, "execve"), path, args, environment);
}

PUBLIC int execvpe(const char *path, char *const args[], char *const environment[]) {
  return run((int (*)(const char *, char *const *, char *const *))dlsym(RTLD_NEXT, "execvpe"), path, args, environment);
}

PUBLIC int execv(const char *path, char *const args[]) {
  return execve(path, args, environ);
}

PUBLIC int execvp(const char *path, char *const args[]) {
  return execvpe(path, args, environ);
}

PUBLIC void *malloc(size_t size) {
  if (real_malloc == NULL) {
    if (is_inside) return early_alloc(size);
    is_inside++;
    look_up();
    is_inside--;
  }
  void *block = real_malloc(size);
  record(CALL_MALLOC, block, 0, size, __builtin_return_address(0), next_ticket());
  return block;
}

PUBLIC void *calloc(size_t count, size_t size) {
  /* What is early reads as zero. */
  if (real_calloc == NULL) return early_alloc(count * size);
  void *block = real_calloc(count, size);
  record(CALL_CALLOC, block, 0, count * size, __builtin_return_address(0), next_ticket());
  return block;
}

PUBLIC void free(void *block) {
  if (block == NULL || is_early(block)) return;
  uint64_t number = next_ticket();
  record(CALL_FREE, block, 0, 0, __builtin_return_address(0), number);
  real_free(block);
}

PUBLIC void *realloc(void *old, size_t size) {
  if (real_realloc == NULL) look_up();
  if (is_early(old)) {
    void *moved = real_malloc(size);
    size_t had = *(size_t *)((char *)old - EARLY_ALIGN);
    if (moved != NULL) memcpy(moved, old, had < size ? had : size);
    record(CALL_MALLOC, moved, 0, size, __builtin_return_address(0), next_ticket());
    return moved;
  }
  uint64_t number = next_ticket();
  void *block = real_realloc(old, size);
  /* The old block is free from inside of the call on: the number before it orders its free, the one after the rest. */
  const void *site = __builtin_return_address(0);
  if (old != NULL && (block != NULL || size == 0)) record(CALL_MOVE, old, 0, size, site, number);
  record(CALL_REALLOC, block, 0, size, site, next_ticket());
  return block;
}

PUBLIC void *reallocarray(void *old, size_t count, size_t size) {
  size_t whole;
  if (__builtin_mul_overflow(count, size, &whole)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(old, whole);
}

PUBLIC void *memalign(size_t align, size_t size) {
  if (real_memalign == NULL) look_up();
  void *block = real_memalign(align, size);
  record(CALL_ALIGNED, block, log2_of(align), size, __builtin_return_address(0), next_ticket());
  return block;
}

PUBLIC void *aligned_alloc(size_t align, size_t size) {
  if (real_aligned_alloc == NULL) look_up();
  void *block = real_aligned_alloc(align, size);
  record(CALL_ALIGNED, block, log2_of(align), size, __builtin_return_address(0), next_ticket());
  return block;
}

PUBLIC int posix_memalign(void **into, size_t align, size_t size) {
  if (real_posix_memalign == NULL) look_up();
  int result = real_posix_memalign(into, align, size);
  if (result == 0) record(CALL_ALIGNED, *into, log2_of(align), size, __builtin_return_address(0), next_ticket());
  return result;
}
