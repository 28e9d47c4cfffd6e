import { expect } from "vitest";
import { Heap, type HeapOptions } from "../../src/index.ts";
import { PAGE_SIZE, TRACE_EVENT_SHIFT, TRACE_HEADER_WORDS } from "../../src/layout.ts";
import { createTraceRing, type TraceEvent, TraceKind, type TraceRing } from "../../src/trace/index.ts";

export const MIB = 2 ** 20;
/** Numbers of two writers never meet. */
export const NUMBERS_APART = 1_000_000;

/** A clock that stands still until it is moved. */
export class TestClock {
  ms = 1_000_000;
  readonly now = (): number => this.ms;
}

/** A heap with a ring in it. */
export interface Traced {
  readonly heap: Heap;
  readonly ring: TraceRing;
  readonly clock: TestClock;
}

export function traced(eventCount: number, options: HeapOptions = { sizeBytes: MIB }): Traced {
  const heap = Heap.create(options);
  const clock = new TestClock();
  const ring = createTraceRing(heap, eventCount, { clock: clock.now });
  if (ring === undefined) throw new Error("there were no pages for a ring");
  return { heap, ring, clock };
}

/** Every field of the event of a number follows from it, so that a torn one is told from a whole one. */
export function writeNumber(ring: TraceRing, number: number): void {
  ring.write(TraceKind.KMALLOC, number, number * 3, number * 5, number * 7, number * 11, number * 13, number * 17);
}

/** The number that an event was written with; throws where its fields do not belong together. */
export function numberOf({ kind, ptr, bytesReq, bytesAlloc, gfp, name, callSite, node }: TraceEvent): number {
  const factors = [bytesReq / 3, bytesAlloc / 5, gfp / 7, name / 11, callSite / 13, node / 17];
  if (kind === TraceKind.KMALLOC && factors.every((factor) => factor === ptr)) return ptr;
  throw new Error(`torn: ${[kind, ptr, ...factors].join()}`);
}

/** Index in `words` of the first word of a place of the ring. */
export function placeWord({ address }: TraceRing, place: number): number {
  return address / Int32Array.BYTES_PER_ELEMENT + TRACE_HEADER_WORDS + (place << TRACE_EVENT_SHIFT);
}

/** All words of a heap. */
export function wordsOf(heap: Heap): Int32Array {
  return new Int32Array(heap.buffer);
}

/** Pages that a ring has: one for its header and the last events, and what its events fill. */
export function ringPages({ capacity }: TraceRing): number {
  return Math.ceil((capacity * 64 + 128) / PAGE_SIZE);
}

export function expectNumbers(events: readonly TraceEvent[], expected: readonly number[]): void {
  expect(events.map(numberOf)).toEqual(expected);
}
