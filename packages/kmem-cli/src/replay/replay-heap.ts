/** What a contender written in JavaScript offers for a replay. Addresses are byte offsets; 0 is null. */
export interface ReplayHeap {
  /** These throw an error with the code OUT_OF_MEMORY when there is no memory; the old block survives in realloc. */
  alloc(sizeBytes: number): number;
  calloc(count: number, sizeBytes: number): number;
  realloc(address: number, sizeBytes: number): number;
  alignedAlloc(alignmentBytes: number, sizeBytes: number): number;
  free(address: number): void;
  usableSize(address: number): number;
  /** Bytes of memory in use, with all that describes them. Read after every operation, so it must be quick. */
  readonly footprintBytes: number;
  /** Throws when it cannot make such a cache. */
  createCache(options: ReplayCacheOptions): ReplayCache;
  readonly pages: ReplayPages;
  /** Of a heap that cannot free: the frees that did nothing so far. */
  readonly ignoredFreeCount?: number;
  /** Such a heap becomes as it was when it was made; what it handed out is void. */
  reset?(): void;
  /** The memory that all blocks are in, where there is one; it may be another one after growth. */
  readonly buffer?: ArrayBufferLike;
  /** Of a heap that has much beside its buffer: its whole process is measured. */
  readonly keepsStateOutside?: boolean;
  /** Of a heap with no buffer: writes a byte to every page of a block. */
  touch?(address: number, sizeBytes: number): void;
}

/** A heap with more to tell than a replay needs. */
export interface MeasurableHeap extends ReplayHeap {
  /** Has it give back what it keeps for later. */
  trim?(): number;
  /** Where every byte is, and the free blocks of pages of each zone by order. */
  stats?(): { readonly bytes: object; readonly zones: readonly { readonly freeBlocksByOrder: readonly number[] }[] };
}

/** What a slab cache is made from. */
export interface ReplayCacheOptions {
  readonly name: string;
  readonly sizeBytes: number;
  /** Given to heaps only whose module says that they run constructors. */
  readonly construct?: (address: number) => void;
}

/** A slab cache of a {@link ReplayHeap}. */
export interface ReplayCache {
  alloc(): number;
  free(address: number): void;
}

/** The page allocator of a {@link ReplayHeap}. */
export interface ReplayPages {
  /** 0 when there is no memory. */
  tryAlloc(pageCount: number): number;
  /** Any part of a block of pages. */
  free(address: number, pageCount: number): void;
}

/** What `--check` needs besides. */
export interface CheckableHeap extends ReplayHeap {
  /** The memory itself, for the patterns in the blocks. */
  readonly buffer: ArrayBufferLike;
  /** Verifies every invariant. */
  check(): { readonly findings: readonly { readonly address: number; readonly problem: string }[] };
  /** Gives back what is kept for later. */
  trim(): number;
}

/** What is known of a workload when its heap is made. */
export interface HeapPlan {
  readonly peakLiveBytes: number;
  readonly peakLiveBlockCount: number;
  /** Sum of all that is asked for. */
  readonly requestedBytes: number;
  readonly opCount: number;
  /** How large the memory is to be, in bytes. Absent: far more than the workload needs. */
  readonly memoryBytes?: number;
}

/** What the module of such a contender exports. */
export interface HeapModule {
  createHeap(plan: HeapPlan): ReplayHeap | CheckableHeap;
  /** Where it has a vmalloc of its own: that as `alloc` and `free`, for loads of areas. */
  createAreas?(plan: HeapPlan): ReplayHeap;
  /** Whether the caches take a `construct`, and run it when an object's slab is made. */
  readonly runsConstructors?: boolean;
  /** What `memoryBytes` of a plan must be a multiple of. Default: a page. */
  readonly memoryGrainBytes?: number;
}

/** Whether an error says that there is no memory, and nothing worse. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "OUT_OF_MEMORY";
}
