/** A heap as one thread sees it. */
export interface ThreadHeap {
  readonly alloc: (sizeBytes: number) => number;
  readonly free: (address: number) => void;
  readonly buffer: ArrayBufferLike;
  /** The thread is done with the heap. */
  detach(): void;
}

/** The heap of the thread that made it. */
export interface OwnedHeap extends ThreadHeap {
  /** What other threads attach by; it can be posted to them. */
  readonly handle: unknown;
  /** When all other threads have detached and everything is freed: what is not as it was at the start, in sentences. */
  problemsAtEnd(): string[];
}

/** What is known of a run when its heap is made. */
export interface ThreadPlan {
  /** Threads that have the heap at a time, besides the one that makes it. */
  readonly threadCount: number;
  /** Those of them that work side by side. */
  readonly laneCount: number;
}

/** What the module of a contender written in JavaScript exports. */
export interface ThreadHeapModule {
  createHeap(plan: ThreadPlan): OwnedHeap;
  attachHeap(handle: unknown): ThreadHeap;
}
