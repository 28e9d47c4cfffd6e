import type { MeasurableHeap } from "kmem-cli/internal/replay/replay-heap";
import { OP_LOOPS } from "kmem-cli/internal/replay/replay-ops";
import { openTarget, type ReplayTarget } from "kmem-cli/internal/replay/replay-target";
import { coverage, OPS_PER_LOOK, TimeLimit } from "kmem-cli/internal/replay/time-limit";
import type { WorkloadKind } from "kmem-cli/internal/replay/workload";
import { OpReader } from "kmem-cli/internal/trace/op-reader";
import { OP, OP_CODE_MASK, OPERATION, PAGE_BYTES, WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import type { MemoryJob, MemoryResult, OwnFigures, ResidentFigures } from "./measure-jobs.ts";
import { pageToucher } from "./page-touch.ts";
import { probeResident, type ResidentProbe } from "./resident-memory.ts";

/** Resident memory is read when the live bytes have grown by this share since the last reading, … */
const GROWTH_PER_SAMPLE = { buffer: 0.005, process: 0.05 } as const;
/** … and so often over the whole workload. Reading the whole process costs a collection of all garbage. */
const EVEN_SAMPLE_COUNT = { buffer: 512, process: 48 } as const;

/** Replays a workload once, touching every page of every block, then frees all and has the heap give back. */
export function memoryOps(createHeap: () => MeasurableHeap, job: MemoryJob): MemoryResult {
  const reader = new OpReader(job.opsPath);
  const heap = createHeap();
  const replay = new MeasuredReplay(heap, openTarget(heap, reader.header, reader.caches), job.kind, reader.header);
  const limit = new TimeLimit(job);
  forEachOp(reader, (words, at) => replay.take(words, at), limit);
  reader.close();
  if (limit.isOver) return { ...replay.result(), ...coverage(replay.opCount, reader.header.opCount) };
  const closing = new OpReader(job.closingPath);
  forEachOp(closing, (words, at) => replay.close(words, at));
  closing.close();
  const result = replay.freedResult();
  const parts = partsAt(createHeap, job, replay.peakOp);
  return parts === undefined || result.own === undefined ? result : { ...result, own: { ...result.own, parts } };
}

function forEachOp(
  reader: OpReader,
  take: (words: Uint32Array, at: number) => void,
  limit: TimeLimit = new TimeLimit({}),
): void {
  for (let opCount = reader.next(); opCount > 0 && !limit.isOver; opCount = reader.next()) {
    for (let op = 0; op < opCount; op += 1) {
      if (op % OPS_PER_LOOK === 0 && limit.look()) break;
      take(reader.words, op * WORDS_PER_OP);
    }
  }
}

/** Where every byte is after so many operations: figures that cost too much to read along the way. */
function partsAt(
  createHeap: () => MeasurableHeap,
  { kind, opsPath }: MemoryJob,
  opCount: number,
): Readonly<Record<string, number>> | undefined {
  const heap = createHeap();
  if (heap.stats === undefined) return undefined;
  const reader = new OpReader(opsPath);
  const target = openTarget(heap, reader.header, reader.caches);
  let left = opCount;
  for (let count = reader.next(); count > 0 && left > 0; count = reader.next()) {
    OP_LOOPS[kind](target, reader.words, 0, Math.min(count, left) * WORDS_PER_OP);
    left -= count;
  }
  reader.close();
  return heap.stats().bytes as Readonly<Record<string, number>>;
}

class MeasuredReplay {
  /** Operations that were carried out, of the workload's. */
  opCount = 0;
  /** Operations after which the footprint was first at its peak. */
  peakOp = 0;
  readonly #heap: MeasurableHeap;
  readonly #target: ReplayTarget;
  readonly #kind: WorkloadKind;
  readonly #touch: (address: number, sizeBytes: number) => void;
  readonly #probe: ResidentProbe | undefined;
  readonly #evenDistance: number;
  readonly #growth: number;
  /** By slot. */
  readonly #liveSizes: Float64Array;
  readonly #usableSizes: Float64Array;
  readonly #initialBytes: number;
  readonly #baselineBytes: number;
  #failureCount = 0;
  #requestedBytes = 0;
  #liveBytes = 0;
  #usableBytes = 0;
  #peakLiveBytes = 0;
  #peakBytes: number;
  #usableAtPeakBytes = 0;
  #peakResidentBytes = 0;
  #nextSampleBytes = 0;

  constructor(
    heap: MeasurableHeap,
    target: ReplayTarget,
    kind: WorkloadKind,
    { slotCount, opCount }: { readonly slotCount: number; readonly opCount: number },
  ) {
    this.#heap = heap;
    this.#target = target;
    this.#kind = kind;
    this.#touch = pageToucher(heap);
    this.#liveSizes = new Float64Array(slotCount);
    this.#usableSizes = new Float64Array(slotCount);
    this.#probe = probeResident(heap);
    const scope = this.#probe?.scope ?? "buffer";
    this.#evenDistance = Math.floor(opCount / EVEN_SAMPLE_COUNT[scope]) + 1;
    this.#growth = 1 + GROWTH_PER_SAMPLE[scope];
    this.#initialBytes = heap.footprintBytes;
    this.#peakBytes = this.#initialBytes;
    this.#baselineBytes = this.#probe?.read() ?? 0;
  }

  /** Carries out the operation that begins at word `at`. */
  take(words: Uint32Array, at: number): void {
    const slot = words[at + OPERATION.SLOT]!;
    const failureCount = OP_LOOPS[this.#kind](this.#target, words, at, at + WORDS_PER_OP);
    this.#failureCount += failureCount;
    this.opCount += 1;
    if (failureCount === 0) this.#applyChange(words, at, slot);
    if (this.#liveBytes > this.#peakLiveBytes) this.#peakLiveBytes = this.#liveBytes;
    const { footprintBytes } = this.#heap;
    if (footprintBytes > this.#peakBytes) {
      this.#peakBytes = footprintBytes;
      this.#usableAtPeakBytes = this.#usableBytes;
      this.peakOp = this.opCount;
    }
    const hasGrown = this.#liveBytes >= this.#nextSampleBytes;
    if (hasGrown) this.#nextSampleBytes = this.#liveBytes * this.#growth + PAGE_BYTES;
    if (hasGrown || this.opCount % this.#evenDistance === 0) this.#sample();
  }

  /** Carries out one of the operations that free what is left. */
  close(words: Uint32Array, at: number): void {
    OP_LOOPS[this.#kind](this.#target, words, at, at + WORDS_PER_OP);
  }

  /** What has been seen so far. */
  result(): MemoryResult {
    // Memory of a buffer never goes back to the system, so that this reading has every page that was ever touched.
    this.#sample();
    const own: OwnFigures = {
      initialBytes: this.#initialBytes,
      peakBytes: this.#peakBytes,
      usableAtPeakBytes: this.#usableAtPeakBytes,
    };
    return {
      opCount: this.opCount,
      failureCount: this.#failureCount,
      requestedBytes: this.#requestedBytes,
      peakLiveBytes: this.#peakLiveBytes,
      ...this.#residentFigures(),
      own,
    };
  }

  /** To be called once, when all is freed: it trims the heap. */
  freedResult(): MemoryResult {
    const result = this.result();
    const freed = { own: this.#heap.footprintBytes, resident: this.#residentBytes() };
    this.#heap.trim?.();
    const trimmed = { own: this.#heap.footprintBytes, resident: this.#residentBytes() };
    const { resident } = result;
    return {
      ...result,
      ...(resident && { resident: { ...resident, freedBytes: freed.resident, trimmedBytes: trimmed.resident } }),
      own: { ...result.own!, freedBytes: freed.own, trimmedBytes: trimmed.own },
    };
  }

  #residentFigures(): { resident?: ResidentFigures } {
    if (this.#probe === undefined) return {};
    const { scope } = this.#probe;
    const trimmedBy = this.#heap.trim === undefined ? "" : "trim";
    return { resident: { scope, peakBytes: this.#peakResidentBytes, trimmedBy } };
  }

  #residentBytes(): number {
    return this.#probe === undefined ? 0 : Math.max(0, this.#probe.read() - this.#baselineBytes);
  }

  #sample(): void {
    this.#peakResidentBytes = Math.max(this.#peakResidentBytes, this.#residentBytes());
  }

  #applyChange(words: Uint32Array, at: number, slot: number): void {
    const size = words[at + OPERATION.SIZE]!;
    const address = this.#target.addresses[slot]!;
    switch (words[at + OPERATION.CODE]! & OP_CODE_MASK) {
      case OP.FREE:
      case OP.CACHE_FREE:
        this.#setLive(slot, 0, 0);
        return;
      case OP.PAGE_FREE: {
        const left = address === 0 ? this.#liveSizes[slot]! : this.#liveSizes[slot]! - size * PAGE_BYTES;
        this.#setLive(slot, left, left);
        return;
      }
      case OP.PAGE_ALLOC:
        this.#addBlock(slot, 2 ** size * PAGE_BYTES, 2 ** size * PAGE_BYTES);
        return;
      case OP.PAGE_RUN:
        this.#addBlock(slot, size * PAGE_BYTES, size * PAGE_BYTES);
        return;
      default:
        this.#addBlock(slot, size, this.#heap.usableSize(address));
    }
  }

  #addBlock(slot: number, sizeBytes: number, usableBytes: number): void {
    this.#requestedBytes += sizeBytes;
    this.#setLive(slot, sizeBytes, usableBytes);
    this.#touch(this.#target.addresses[slot]!, sizeBytes);
  }

  #setLive(slot: number, sizeBytes: number, usableBytes: number): void {
    this.#liveBytes += sizeBytes - this.#liveSizes[slot]!;
    this.#usableBytes += usableBytes - this.#usableSizes[slot]!;
    this.#liveSizes[slot] = sizeBytes;
    this.#usableSizes[slot] = usableBytes;
  }
}
