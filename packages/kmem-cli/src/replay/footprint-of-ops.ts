import { OpReader } from "../trace/op-reader.ts";
import { OP, OP_CODE_MASK, OPERATION, PAGE_BYTES, WORDS_PER_OP } from "../trace/op-stream.ts";
import type { AccountJob, AccountResult } from "./jobs.ts";
import { MemorySampler } from "./memory-sampler.ts";
import type { ReplayHeap } from "./replay-heap.ts";
import { OP_LOOPS, type OpLoop } from "./replay-ops.ts";
import { openTarget, type ReplayTarget } from "./replay-target.ts";
import { coverage, OPS_PER_LOOK, TimeLimit } from "./time-limit.ts";

/** Replays a workload once, one operation at a time, and looks after each at what it did to the memory. */
export function accountOps(heap: ReplayHeap, job: AccountJob): AccountResult {
  const reader = new OpReader(job.opsPath);
  const target = openTarget(heap, reader.header, reader.caches);
  const { sampleCount } = job;
  const sampler = sampleCount === undefined ? undefined : new MemorySampler(heap, reader.header.opCount, sampleCount);
  const account = new Account(target, OP_LOOPS[job.kind], reader.header.slotCount, sampler);
  const limit = new TimeLimit(job);
  for (let opCount = reader.next(); opCount > 0 && !limit.isOver; opCount = reader.next()) {
    for (let op = 0; op < opCount; op += 1) {
      if (op % OPS_PER_LOOK === 0 && limit.look()) break;
      account.take(reader.words, op * WORDS_PER_OP);
    }
  }
  reader.close();
  const result = account.result();
  return { ...result, ...coverage(result.opCount, reader.header.opCount) };
}

class Account {
  readonly #target: ReplayTarget;
  readonly #loop: OpLoop;
  /** By slot: bytes live, as requested. */
  readonly #liveSizes: Float64Array;
  #opCount = 0;
  #failureCount = 0;
  #requestedBytes = 0;
  #allocatedBytes = 0;
  #liveBytes = 0;
  #peakLiveBytes = 0;
  #peakFootprintBytes: number;
  readonly #sampler: MemorySampler | undefined;

  constructor(target: ReplayTarget, loop: OpLoop, slotCount: number, sampler: MemorySampler | undefined) {
    this.#sampler = sampler;
    this.#target = target;
    this.#loop = loop;
    this.#liveSizes = new Float64Array(slotCount);
    this.#peakFootprintBytes = target.heap.footprintBytes;
  }

  /** Carries out the operation that begins at word `at`. */
  take(words: Uint32Array, at: number): void {
    this.#opCount += 1;
    const slot = words[at + OPERATION.SLOT]!;
    const liveBefore = this.#liveSizes[slot]!;
    const failureCount = this.#loop(this.#target, words, at, at + WORDS_PER_OP);
    this.#failureCount += failureCount;
    if (failureCount === 0) this.#applyChange(words, at, slot);
    this.#liveBytes += this.#liveSizes[slot]! - liveBefore;
    if (this.#liveBytes > this.#peakLiveBytes) this.#peakLiveBytes = this.#liveBytes;
    const { footprintBytes } = this.#target.heap;
    if (footprintBytes > this.#peakFootprintBytes) this.#peakFootprintBytes = footprintBytes;
    this.#sampler?.take(this.#liveBytes, footprintBytes);
  }

  result(): AccountResult {
    const { ignoredFreeCount } = this.#target.heap;
    return {
      opCount: this.#opCount,
      failureCount: this.#failureCount,
      requestedBytes: this.#requestedBytes,
      allocatedBytes: this.#allocatedBytes,
      peakLiveBytes: this.#peakLiveBytes,
      peakFootprintBytes: this.#peakFootprintBytes,
      substituteCacheCount: this.#target.substituteCacheCount,
      ...(ignoredFreeCount === undefined ? {} : { ignoredFreeCount }),
      ...(this.#sampler === undefined ? {} : { samples: this.#sampler.result() }),
    };
  }

  #applyChange(words: Uint32Array, at: number, slot: number): void {
    const size = words[at + OPERATION.SIZE]!;
    const address = this.#target.addresses[slot]!;
    switch (words[at + OPERATION.CODE]! & OP_CODE_MASK) {
      case OP.FREE:
      case OP.CACHE_FREE:
        this.#liveSizes[slot] = 0;
        return;
      case OP.PAGE_FREE:
        if (address !== 0) this.#liveSizes[slot]! -= size * PAGE_BYTES;
        return;
      case OP.PAGE_ALLOC: {
        const sizeBytes = 2 ** size * PAGE_BYTES;
        this.#addBlock(slot, sizeBytes, sizeBytes);
        return;
      }
      case OP.PAGE_RUN:
        this.#addBlock(slot, size * PAGE_BYTES, size * PAGE_BYTES);
        return;
      default:
        this.#addBlock(slot, size, this.#target.heap.usableSize(address));
    }
  }

  #addBlock(slot: number, requestedBytes: number, allocatedBytes: number): void {
    this.#liveSizes[slot] = requestedBytes;
    this.#requestedBytes += requestedBytes;
    this.#allocatedBytes += allocatedBytes;
  }
}
