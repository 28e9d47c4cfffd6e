/** What is known of a malloc trace: counted by other means than the reader's. */
export interface KnownMallocTrace {
  readonly events: Readonly<Record<string, number>>;
  readonly peakLiveBytes: number;
  readonly requestedBytes: number;
  readonly liveBlockCountAtEnd: number;
  readonly pointerBits: 32 | 64;
  readonly cutByRecorder: boolean;
}

function known(
  counts: readonly [malloc: number, free: number, calloc: number, realloc: number, aligned: number],
  bytes: readonly [peakLive: number, requested: number],
  liveBlockCountAtEnd: number,
  pointerBits: 32 | 64,
  cutByRecorder: boolean,
): KnownMallocTrace {
  const names = ["malloc", "free", "calloc", "realloc", "aligned_alloc"];
  const entries = names.map((name, index): [string, number] => [name, counts[index] ?? 0]);
  const events = Object.fromEntries(entries.filter(([, count]) => count > 0));
  return { events, peakLiveBytes: bytes[0], requestedBytes: bytes[1], liveBlockCountAtEnd, pointerBits, cutByRecorder };
}

export const MALLOC_TRACES: Readonly<Record<string, KnownMallocTrace>> = {
  android_systemui: known([393777, 349045, 7847, 18544, 1066], [10441709, 202033137], 53645, 32, false),
  bash_loop: known([341822, 334875, 1, 6008, 0], [293160, 21977887], 6948, 64, false),
  cc1_lvm: known([381351, 469210, 98498, 14989, 0], [13513330, 487993946], 10639, 64, false),
  cfrac: known([2000320, 1999465, 215, 0, 0], [21514, 34643460], 1070, 32, true),
  clang19_lapi: known([223315, 255182, 2520, 2994, 38252], [6548905, 131399015], 8905, 64, false),
  espresso: known([2485734, 2485636, 2, 28628, 0], [266143, 154589832], 100, 32, true),
  git_log_p: known([111798, 408899, 299647, 10117, 0], [19875381, 563756043], 2546, 64, false),
  jq_group: known([251667, 251708, 47, 5, 0], [10590193, 38176826], 6, 32, false),
  lua_bintrees: known([2536734, 2463212, 3, 51, 0], [4736184, 80654866], 73525, 32, true),
  sqlite_file: known([38846, 38845, 0, 12054, 0], [4391205, 219682232], 1, 64, false),
  sqlite_nolookaside: known([646404, 646402, 2, 12075, 0], [17047359, 278593885], 4, 32, false),
};

/** What is known of a kernel trace. Rates as percentages with two digits. */
export interface KnownKernelTrace {
  readonly eventCount: number;
  readonly kmalloc: number;
  readonly kmallocNode: number;
  readonly kfree: number;
  readonly nullKfree: number;
  readonly cacheAlloc: number;
  readonly cacheAllocNode: number;
  readonly cacheFree: number;
  readonly pageAlloc: number;
  readonly pageFree: number;
  readonly pageFreeBatched: number;
  readonly kfreeRate: string;
  readonly cacheFreeRate: string;
  readonly pageFreeRate: string;
  /** Pages freed inside a live block. */
  readonly insidePageFree: number;
  /** Second reports of a large kmalloc, and other allocations at a live address. */
  readonly repeatedReports: number;
  readonly impliedFrees: number;
  readonly crossFrees: number;
}

export const KERNEL_TRACES: Readonly<Record<string, KnownKernelTrace>> = {
  "boot-6.12.trace.txt": {
    eventCount: 325962,
    kmalloc: 43223,
    kmallocNode: 0,
    kfree: 32077,
    nullKfree: 12008,
    cacheAlloc: 144313,
    cacheAllocNode: 0,
    cacheFree: 64700,
    pageAlloc: 22201,
    pageFree: 14253,
    pageFreeBatched: 5195,
    kfreeRate: "99.98",
    cacheFreeRate: "98.67",
    pageFreeRate: "39.90",
    insidePageFree: 2,
    repeatedReports: 69,
    impliedFrees: 5,
    crossFrees: 73,
  },
  "fsproc-6.12.trace.txt": {
    eventCount: 672147,
    kmalloc: 23122,
    kmallocNode: 0,
    kfree: 55039,
    nullKfree: 33359,
    cacheAlloc: 221111,
    cacheAllocNode: 0,
    cacheFree: 212627,
    pageAlloc: 55351,
    pageFree: 56535,
    pageFreeBatched: 48362,
    kfreeRate: "99.95",
    cacheFreeRate: "99.03",
    pageFreeRate: "96.63",
    insidePageFree: 0,
    repeatedReports: 8,
    impliedFrees: 91,
    crossFrees: 0,
  },
  "fsproc-5.10.trace.txt": {
    eventCount: 578119,
    kmalloc: 15231,
    kmallocNode: 1041,
    kfree: 31803,
    nullKfree: 16608,
    cacheAlloc: 189711,
    cacheAllocNode: 1780,
    cacheFree: 182376,
    pageAlloc: 55899,
    pageFree: 54759,
    pageFreeBatched: 45519,
    kfreeRate: "99.96",
    cacheFreeRate: "99.98",
    pageFreeRate: "99.94",
    insidePageFree: 0,
    repeatedReports: 0,
    impliedFrees: 0,
    crossFrees: 0,
  },
  "mid-6.12-hashedptr.trace.txt": {
    eventCount: 178148,
    kmalloc: 5712,
    kmallocNode: 0,
    kfree: 16571,
    nullKfree: 9921,
    cacheAlloc: 54155,
    cacheAllocNode: 0,
    cacheFree: 52526,
    pageAlloc: 16863,
    pageFree: 17039,
    pageFreeBatched: 15282,
    kfreeRate: "99.86",
    cacheFreeRate: "99.48",
    pageFreeRate: "98.25",
    insidePageFree: 0,
    repeatedReports: 0,
    impliedFrees: 7,
    crossFrees: 958,
  },
  "mid-6.1.perf-script.txt": {
    eventCount: 173833,
    kmalloc: 7090,
    kmallocNode: 0,
    kfree: 12524,
    nullKfree: 5467,
    cacheAlloc: 47656,
    cacheAllocNode: 0,
    cacheFree: 52475,
    pageAlloc: 15124,
    pageFree: 15266,
    pageFreeBatched: 13511,
    kfreeRate: "99.87",
    cacheFreeRate: "89.20",
    pageFreeRate: "97.55",
    insidePageFree: 0,
    repeatedReports: 0,
    impliedFrees: 0,
    crossFrees: 0,
  },
  "mid-6.1.trace-cmd-report.txt": {
    eventCount: 159125,
    kmalloc: 5912,
    kmallocNode: 0,
    kfree: 9690,
    nullKfree: 3776,
    cacheAlloc: 47210,
    cacheAllocNode: 0,
    cacheFree: 52241,
    pageAlloc: 15029,
    pageFree: 15491,
    pageFreeBatched: 13552,
    kfreeRate: "99.76",
    cacheFreeRate: "89.85",
    pageFreeRate: "96.72",
    insidePageFree: 0,
    repeatedReports: 0,
    impliedFrees: 0,
    crossFrees: 0,
  },
};
