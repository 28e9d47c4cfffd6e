import { OpReader } from "../trace/op-reader.ts";
import { LOG2_ALIGN_SHIFT, OP, OP_CODE_MASK, OPERATION, PAGE_BYTES, WORDS_PER_OP } from "../trace/op-stream.ts";
import { BlockPattern, patternSeed, type WrongByte } from "./block-pattern.ts";
import type { CheckJob, CheckResult, Fault } from "./jobs.ts";
import type { CheckableHeap } from "./replay-heap.ts";
import { OP_LOOPS, type OpLoop } from "./replay-ops.ts";
import { openTarget, type ReplayTarget } from "./replay-target.ts";

/** Every block is aligned to this at least. */
const MIN_ALIGNMENT_BYTES = 16;
/** Faults that are kept in detail. */
const FAULT_LIMIT = 20;
const HEX = 16;

/**
 * Replays a workload with a pattern in every block, which must be whole when the block is freed or moved, and checks
 * the heap every so often. At the end everything is freed, and the heap must be as small as it was.
 */
export function checkOps(heap: CheckableHeap, job: CheckJob): CheckResult {
  const ops = new OpReader(job.opsPath);
  const closing = new OpReader(job.closingPath);
  const target = openTarget(heap, ops.header, ops.caches);
  // The first object of a cache makes its heap keep things ready that stay until the heap ends.
  for (const cache of target.caches) cache.free(cache.alloc());
  heap.trim();
  const initialBytes = heap.footprintBytes;
  const checker = new Checker(heap, target, ops.header.slotCount, job);
  for (const reader of [ops, closing]) {
    for (let opCount = reader.next(); opCount > 0; opCount = reader.next()) {
      for (let at = 0; at < opCount * WORDS_PER_OP; at += WORDS_PER_OP) checker.take(reader.words, at);
    }
    reader.close();
  }
  heap.trim();
  checker.checkHeap();
  checker.compareFootprint(initialBytes);
  return checker.result(ops.header.opCount);
}

class Checker {
  readonly #heap: CheckableHeap;
  readonly #target: ReplayTarget;
  readonly #loop: OpLoop;
  readonly #pattern: BlockPattern;
  readonly #checkEvery: number;
  /** By slot: whether a block is there, and its bytes as it was allocated. */
  readonly #isHeld: Uint8Array;
  readonly #sizes: Float64Array;
  readonly #faults: Fault[] = [];
  #faultCount = 0;
  #failureCount = 0;
  #operation = 0;
  #heapCheckCount = 0;

  constructor(heap: CheckableHeap, target: ReplayTarget, slotCount: number, job: CheckJob) {
    this.#heap = heap;
    this.#target = target;
    this.#loop = OP_LOOPS[job.kind];
    this.#pattern = new BlockPattern(heap.buffer);
    this.#checkEvery = job.checkEvery;
    this.#isHeld = new Uint8Array(slotCount);
    this.#sizes = new Float64Array(slotCount);
  }

  /** Carries out the operation that begins at word `at`, and looks at the block before and after it. */
  take(words: Uint32Array, at: number): void {
    this.#operation += 1;
    const word = words[at + OPERATION.CODE]!;
    const code = word & OP_CODE_MASK;
    const slot = words[at + OPERATION.SLOT]!;
    const size = words[at + OPERATION.SIZE]!;
    if (code === OP.FREE || code === OP.CACHE_FREE) {
      this.#verify(slot, 0, this.#sizes[slot]!, "when it is freed");
      this.#isHeld[slot] = 0;
      this.#carryOut(words, at);
    } else if (code === OP.PAGE_FREE) {
      const start = words[at + OPERATION.AUX]! * PAGE_BYTES;
      this.#verify(slot, start, start + size * PAGE_BYTES, "when its pages are freed");
      this.#carryOut(words, at);
    } else if (code === OP.REALLOC) {
      const succeeded = this.#carryOut(words, at);
      this.#verify(slot, 0, Math.min(this.#sizes[slot]!, succeeded ? size : Number.POSITIVE_INFINITY), "after realloc");
      if (succeeded) this.#admit(slot, size, MIN_ALIGNMENT_BYTES, false);
    } else {
      const pageCount = code === OP.PAGE_ALLOC ? 2 ** size : code === OP.PAGE_RUN ? size : 0;
      const sizeBytes = pageCount > 0 ? pageCount * PAGE_BYTES : size;
      const alignment = pageCount > 0 ? PAGE_BYTES : 2 ** (word >>> LOG2_ALIGN_SHIFT);
      this.#isHeld[slot] = 0;
      if (this.#carryOut(words, at)) this.#admit(slot, sizeBytes, alignment, code === OP.CALLOC);
    }
    if (this.#operation % this.#checkEvery === 0) this.checkHeap();
  }

  /** Has the heap check itself. */
  checkHeap(): void {
    this.#heapCheckCount += 1;
    for (const { address, problem } of this.#heap.check().findings) {
      this.#report(`the heap's check at 0x${address.toString(HEX)}: ${problem}`);
    }
  }

  /** All blocks are gone: nothing may be left of them, unless the heap cannot free. */
  compareFootprint(initialBytes: number): void {
    const { footprintBytes, ignoredFreeCount } = this.#heap;
    if (footprintBytes === initialBytes || ignoredFreeCount !== undefined) return;
    this.#report(`with everything freed the footprint is ${footprintBytes} bytes; it began with ${initialBytes}`);
  }

  result(opCount: number): CheckResult {
    return {
      opCount,
      failureCount: this.#failureCount,
      heapCheckCount: this.#heapCheckCount,
      faultCount: this.#faultCount,
      faults: this.#faults,
    };
  }

  /** Whether it succeeded. Want of memory is no fault; any other complaint of the heap is. */
  #carryOut(words: Uint32Array, at: number): boolean {
    try {
      const failureCount = this.#loop(this.#target, words, at, at + WORDS_PER_OP);
      this.#failureCount += failureCount;
      return failureCount === 0;
    } catch (error) {
      this.#report(`the heap refused it: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  /** Looks a new block over and fills it. */
  #admit(slot: number, sizeBytes: number, alignmentBytes: number, isZeroed: boolean): void {
    const address = this.#target.addresses[slot]!;
    this.#isHeld[slot] = 0;
    this.#sizes[slot] = sizeBytes;
    const what = this.#describe(slot);
    if (address % Math.max(alignmentBytes, MIN_ALIGNMENT_BYTES) !== 0) {
      this.#report(`${what} is not aligned to ${Math.max(alignmentBytes, MIN_ALIGNMENT_BYTES)}`);
      return;
    }
    if (!this.#pattern.holds(address, sizeBytes)) {
      this.#report(`${what} ends beyond the memory`);
      return;
    }
    const nonZero = isZeroed ? this.#pattern.findNonZero(address, sizeBytes) : undefined;
    if (nonZero !== undefined) this.#report(`${what}: ${describeByte(nonZero)}, in a block of calloc`);
    this.#pattern.fill(address, sizeBytes, patternSeed(slot, sizeBytes));
    this.#isHeld[slot] = 1;
  }

  #verify(slot: number, start: number, end: number, when: string): void {
    if (this.#isHeld[slot] === 0) return;
    const seed = patternSeed(slot, this.#sizes[slot]!);
    const address = this.#target.addresses[slot]!;
    const wrong = this.#pattern.findWrong(address, start, end, seed);
    if (wrong !== undefined) this.#report(`${this.#describe(slot)}: ${describeByte(wrong)}, ${when}`);
  }

  #describe(slot: number): string {
    return `slot ${slot}, ${this.#sizes[slot]} bytes at 0x${this.#target.addresses[slot]!.toString(HEX)}`;
  }

  #report(problem: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < FAULT_LIMIT) this.#faults.push({ operation: this.#operation, problem });
  }
}

function describeByte({ offset, expected, actual }: WrongByte): string {
  return `byte ${offset} is 0x${actual.toString(HEX)}, not 0x${expected.toString(HEX)}`;
}
