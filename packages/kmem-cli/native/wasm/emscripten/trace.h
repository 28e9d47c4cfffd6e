// emmalloc includes it for events that only a traced build sends.
