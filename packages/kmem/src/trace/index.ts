/**
 * The kernel's memory tracepoints in a ring inside the heap's own memory: written by its threads, read by any of them
 * meanwhile or from a dump, and printed as the kernel's trace file has them.
 *
 * @module kmem/trace
 */

import { gfpText } from "../gfp/text.ts";
import { attachmentOf } from "../heap/access.ts";
import type { Heap } from "../heap/heap.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { badArgument, reading } from "../memory/arguments.ts";
import { structPage } from "../pages/frames.ts";
import { CallReader } from "./call-reader.ts";
import { findCallLogs } from "./call-stream.ts";
import { ftraceHeader, ftraceText, type TraceNames } from "./ftrace.ts";
import type { TraceEvent } from "./reader.ts";
import { TraceReader } from "./reader.ts";
import { TraceRing, type TraceRingOptions } from "./ring.ts";

export { CallReader, type CallReadOptions } from "./call-reader.ts";
export type { TraceClock } from "./clock.ts";
export { ftraceHeader, ftraceText, type TraceFigures, type TraceNames } from "./ftrace.ts";
export { NO_NODE, TraceKind, type TraceKindValue } from "./layout.ts";
export { type TraceEvent, TraceReader } from "./reader.ts";
export { type HeapRecording, type RecordOptions, recordHeap } from "./record.ts";
export type { TraceRing, TraceRingOptions } from "./ring.ts";

/** What traces call the threads of a heap. */
const TASK_NAME = "kmem";
const HEX = 16;

/** Throws BAD_ARGUMENT for what is no heap, and DETACHED. */
function layersOf(heap: Heap): Layers {
  return attachmentOf(heap).layers;
}

/**
 * Makes a ring of `eventCount` events in a heap, 64 bytes each; undefined where there are no pages for it. Throws
 * BAD_ARGUMENT, and DETACHED.
 */
export function createTraceRing(heap: Heap, eventCount: number, options: TraceRingOptions = {}): TraceRing | undefined {
  return TraceRing.create(layersOf(heap), eventCount, options);
}

/** Opens the ring at an address that another thread has made in a heap. Throws BAD_ARGUMENT, and DETACHED. */
export function openTraceRing(heap: Heap, address: number, options: TraceRingOptions = {}): TraceRing {
  return TraceRing.open(layersOf(heap), address, options);
}

/** Opens the ring of a heap or of a dump, undefined where there is none. O(pages). */
export function findTraceRing(heap: Heap, options: TraceRingOptions = {}): TraceRing | undefined {
  return TraceRing.find(layersOf(heap), options);
}

/**
 * The names of a heap: its caches by what they are called now, its threads by their slots, masks as those of
 * `kmem/linux`, call sites as numbers. Override what you know better: `{ ...traceNames(heap), callSite }`.
 */
export function traceNames(heap: Heap): TraceNames {
  const { caches, geometry } = layersOf(heap);
  return {
    task: (slot) => ({ name: TASK_NAME, pid: number("slot", slot) + 1 }),
    cache: (kind) => (caches.isUsed(number("kind", kind)) ? caches.name(kind) : ""),
    callSite: (id) => `0x${number("id", id).toString(HEX)}`,
    gfp: (mask) => gfpText(number("mask", mask)),
    page: (frame) => structPage(geometry, number("frame", frame)),
  };
}

/** The number that a value is. Throws BAD_ARGUMENT. */
function number(name: string, value: number): number {
  if (typeof value === "number") return value;
  throw badArgument(name, "a number", value);
}

/**
 * All that is in the ring of a heap, or what its threads have recorded where it has no ring, as the kernel's trace
 * file; undefined where there is neither. Events that were never finished count as lost. O(pages + events).
 */
export function traceText(heap: Heap, names: TraceNames = traceNames(heap)): string | undefined {
  const parts = traceParts(heap, names);
  return parts === undefined ? undefined : [...parts].join("");
}

/**
 * As {@link traceText}, in parts: what stands before the events, then each event. A large ring has more text than a
 * string can hold.
 */
export function traceParts(heap: Heap, names: TraceNames = traceNames(heap)): Iterable<string> | undefined {
  const layers = layersOf(heap);
  const { slotCount } = layers.geometry;
  const ring = findTraceRing(heap);
  if (ring !== undefined) {
    const reader = new TraceReader(ring);
    const events = reader.read();
    return partsOf(events, reader.lostCount + reader.pendingCount, slotCount, names);
  }
  if (findCallLogs(layers).next().done === true) return undefined;
  const reader = new CallReader(heap);
  const events = reader.read({ isLast: true });
  return partsOf(events, reader.lostCount, slotCount, names);
}

function* partsOf(
  events: readonly TraceEvent[],
  lostCount: number,
  slotCount: number,
  names: TraceNames,
): Generator<string> {
  yield ftraceHeader({ shownCount: events.length, lostCount, slotCount });
  for (const event of events) yield reading("names", names, () => ftraceText(event, names));
}
