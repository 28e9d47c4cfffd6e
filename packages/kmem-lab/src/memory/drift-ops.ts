import type { HeapPlan, MeasurableHeap, ReplayHeap } from "kmem-cli/internal/replay/replay-heap";
import type { DriftJob, DriftResult, DriftSegment } from "./measure-jobs.ts";
import { pageToucher } from "./page-touch.ts";
import { probeResident, type ResidentProbe } from "./resident-memory.ts";

// Operations of a changing mix, made as it goes, of which `native/drift.c` has the mirror image: 100 million of them
// would be a file of 1.6 GB. Blocks are allocated while fewer bytes are live than the target, else freed, so that
// every segment ends with the same bytes live, give or take one block; which sizes, and which blocks die, changes from
// segment to segment. Blocks of a mix in which the young die stay in the way of those after it. The last segment is
// of the first one's mix, and long enough to replace every block: what is held beyond the first one's is drift.

/** Bytes that are live, as requested. */
export const DRIFT_TARGET_BYTES: number = 2 ** 24;
const SIZE_MIN_BYTES = 16;
const BLOCKS_MAX: number = DRIFT_TARGET_BYTES / SIZE_MIN_BYTES + 1;
/** Of which the young are the last. */
const YOUNG_COUNT = 64;
const CYCLES = 5;
/** Fewer operations go once through the phases, so that segments stay long. */
const SHORT_OPS = 41_000_000;
const SEED = 0x9e3779b9;

const ANY = 0;
const YOUNG = 1;
const OLD = 2;

interface Phase {
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Which blocks are freed. */
  readonly age: typeof ANY | typeof YOUNG | typeof OLD;
}

const PHASES: readonly Phase[] = [
  { minBytes: 16, maxBytes: 256, age: ANY },
  { minBytes: 16, maxBytes: 2048, age: YOUNG },
  { minBytes: 512, maxBytes: 8192, age: ANY },
  { minBytes: 16, maxBytes: 64, age: OLD },
  { minBytes: 4096, maxBytes: 65_536, age: ANY },
  { minBytes: 64, maxBytes: 1024, age: OLD },
  { minBytes: 16, maxBytes: 32_768, age: YOUNG },
  { minBytes: 256, maxBytes: 4096, age: ANY },
];

/** Segments of a cycle; the next one after it is of the first one's mix. */
export const DRIFT_PHASE_COUNT: number = PHASES.length;

/** What a heap is told of so many operations. */
export function driftPlan(opCount: number): HeapPlan {
  const requestedBytes = (opCount / 2) * PHASES[0]!.maxBytes;
  return { peakLiveBytes: DRIFT_TARGET_BYTES, peakLiveBlockCount: BLOCKS_MAX, requestedBytes, opCount };
}

/** Segments that so many operations are done in. */
export function driftSegmentCount(opCount: number): number {
  return PHASES.length * (opCount >= SHORT_OPS ? CYCLES : 1) + 1;
}

/** Does the operations, and reads the memory at the end of each segment. */
export function driftOps(heap: MeasurableHeap, { opCount }: DriftJob): DriftResult {
  const drift = new Drift(heap);
  const probe = probeResident(heap);
  const baselineBytes = probe?.read() ?? 0;
  const segmentCount = driftSegmentCount(opCount);
  const segments: DriftSegment[] = [];
  let done = 0;
  for (let segment = 0; segment < segmentCount; segment += 1) {
    const end = Math.floor((opCount * (segment + 1)) / segmentCount);
    drift.run(PHASES[segment % PHASES.length]!, end - done);
    done = end;
    segments.push({
      liveBytes: drift.liveBytes,
      liveBlockCount: drift.liveBlockCount,
      ...residentAbove(probe, baselineBytes),
      footprintBytes: heap.footprintBytes,
    });
  }
  return { opCount, segments, ...trimmed(heap), randomState: drift.randomState };
}

function trimmed(heap: MeasurableHeap): { trimmedFootprintBytes?: number } {
  if (heap.trim === undefined) return {};
  heap.trim();
  return { trimmedFootprintBytes: heap.footprintBytes };
}

function residentAbove(probe: ResidentProbe | undefined, baselineBytes: number): { residentBytes?: number } {
  return probe === undefined ? {} : { residentBytes: Math.max(0, probe.read() - baselineBytes) };
}

class Drift {
  liveBytes = 0;
  liveBlockCount = 0;
  readonly #heap: ReplayHeap;
  readonly #touch: (address: number, sizeBytes: number) => void;
  readonly #addresses = new Float64Array(BLOCKS_MAX);
  readonly #sizes = new Uint32Array(BLOCKS_MAX);
  #cursor = 0;
  #state = SEED | 0;

  constructor(heap: ReplayHeap) {
    this.#heap = heap;
    this.#touch = pageToucher(heap);
  }

  get randomState(): number {
    return this.#state >>> 0;
  }

  run(phase: Phase, opCount: number): void {
    for (let op = 0; op < opCount; op += 1) {
      if (this.liveBytes < DRIFT_TARGET_BYTES) this.#allocate(phase);
      else this.#release(phase);
    }
  }

  #random(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  #allocate({ minBytes, maxBytes }: Phase): void {
    const sizeBytes = minBytes + (this.#random() % (maxBytes - minBytes + 1));
    const address = this.#heap.alloc(sizeBytes);
    this.#touch(address, sizeBytes);
    this.#addresses[this.liveBlockCount] = address;
    this.#sizes[this.liveBlockCount] = sizeBytes;
    this.liveBlockCount += 1;
    this.liveBytes += sizeBytes;
  }

  #release({ age }: Phase): void {
    const victim = this.#victim(age);
    this.#heap.free(this.#addresses[victim]!);
    this.liveBytes -= this.#sizes[victim]!;
    this.liveBlockCount -= 1;
    this.#addresses[victim] = this.#addresses[this.liveBlockCount]!;
    this.#sizes[victim] = this.#sizes[this.liveBlockCount]!;
  }

  #victim(age: Phase["age"]): number {
    const count = this.liveBlockCount;
    if (age === YOUNG) return count - 1 - (this.#random() % (count < YOUNG_COUNT ? count : YOUNG_COUNT));
    if (age === ANY) return this.#random() % count;
    this.#cursor = this.#cursor + 1 >= count ? 0 : this.#cursor + 1;
    return this.#cursor;
  }
}
