// emmalloc includes it for its locks, which a module with one thread has not.
