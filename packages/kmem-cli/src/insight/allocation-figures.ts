/** What allocations of one sort came to: of a call site, a cache, a thread, a block. Bytes are as the names say. */
export interface Figures {
  hitCount: number;
  requestedBytes: number;
  /** What was set aside; what was requested where the trace does not say. */
  allocatedBytes: number;
  freeCount: number;
  /** Blocks that another processor freed than the one that allocated them. */
  pingPongCount: number;
  /** Blocks that were freed before anything else was allocated. */
  temporaryCount: number;
  /** What is live, as requested and as set aside, and the most that was. */
  liveCount: number;
  liveBytes: number;
  liveAllocatedBytes: number;
  peakLiveBytes: number;
}

export function noFigures(): Figures {
  return {
    hitCount: 0,
    requestedBytes: 0,
    allocatedBytes: 0,
    freeCount: 0,
    pingPongCount: 0,
    temporaryCount: 0,
    liveCount: 0,
    liveBytes: 0,
    liveAllocatedBytes: 0,
    peakLiveBytes: 0,
  };
}

/** Counts an allocation. */
export function addAlloc(figures: Figures, requestedBytes: number, allocatedBytes: number): void {
  figures.hitCount += 1;
  figures.requestedBytes += requestedBytes;
  figures.allocatedBytes += allocatedBytes;
  figures.liveCount += 1;
  figures.liveBytes += requestedBytes;
  figures.liveAllocatedBytes += allocatedBytes;
  if (figures.liveBytes > figures.peakLiveBytes) figures.peakLiveBytes = figures.liveBytes;
}

/** What of the allocated bytes nobody asked for, in percent. */
export function fragmentationPercent({ requestedBytes, allocatedBytes }: Figures): number {
  return allocatedBytes === 0 ? 0 : 100 - (100 * requestedBytes) / allocatedBytes;
}
