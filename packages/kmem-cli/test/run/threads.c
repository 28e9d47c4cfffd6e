/* Threads that hand blocks to each other, move them, and leave a known number; and a child after fork. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 20000
#define SHARED 64

static void *shared[SHARED];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *seed) {
  unsigned state = (unsigned)(size_t)seed;
  for (int round = 0; round < ROUNDS; round++) {
    state = state * 1103515245u + 12345u;
    unsigned place = (state >> 16) % SHARED;
    pthread_mutex_lock(&lock);
    void *block = shared[place];
    shared[place] = NULL;
    pthread_mutex_unlock(&lock);
    size_t size = 1 + (state >> 8) % 2000;
    if (block == NULL) block = malloc(size);
    else if (state & 1) block = realloc(block, size);
    else {
      free(block);
      block = calloc(1, size);
    }
    pthread_mutex_lock(&lock);
    void *other = shared[place];
    shared[place] = block;
    pthread_mutex_unlock(&lock);
    free(other);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)(i + 1));
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  /* What is left has sizes that are known again. */
  for (int i = 0; i < SHARED; i++) shared[i] = realloc(shared[i], 100);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 10; i++) free(malloc(32));
    for (int i = 0; i < 3; i++) shared[i] = malloc(64);
    exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  return 7;
}
