import { anyValue, badArgument, type Checks, reading, readOptions, requireText } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { requireTime } from "./profile.ts";

/** How much memory each cache or zone held at an instant. */
export interface MemorySnapshot {
  /** When it was taken. */
  readonly timeMs: number;
  /** By the name of the cache or zone. One that is missing here and was there in an earlier snapshot holds nothing. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** What instants and slow paths have in common. */
export interface TimelineEvent {
  /** What the viewer calls it. */
  readonly name: string;
  /** The slot of the thread that it happened on. Default: none, and it belongs to the process. */
  readonly slot?: number;
  /** What else is known; shown when the event is chosen. */
  readonly details?: Readonly<Record<string, string | number>>;
}

/** Something that happened at an instant: memory was out, a thread was reaped. */
export interface InstantEvent extends TimelineEvent {
  /** When it happened. */
  readonly timeMs: number;
}

/** Something that took time: a slow path. Those of one slot may contain one another, but not overlap otherwise. */
export interface CompleteEvent extends TimelineEvent {
  /** When it began. */
  readonly startMs: number;
  /** Milliseconds that it took. */
  readonly durationMs: number;
}

/** What happened to a heap over time, each list in any order. All times are on one clock, whichever that is. */
export interface HeapTimeline {
  /** What the viewer calls the process. Default: kmem. */
  readonly processName?: string;
  /** What the counters are called. Default: bytes in use. */
  readonly counterName?: string;
  /** What memory was held when. Default: none. */
  readonly snapshots?: readonly MemorySnapshot[];
  /** What happened at instants. Default: nothing. */
  readonly instants?: readonly InstantEvent[];
  /** What took time. Default: nothing. */
  readonly slowPaths?: readonly CompleteEvent[];
}

const TIMELINE_CHECKS: Checks<HeapTimeline> = {
  processName: requireText,
  counterName: requireText,
  snapshots: anyValue,
  instants: anyValue,
  slowPaths: anyValue,
};

// The letters by which the format tells its kinds of events.
const Phase = { COUNTER: "C", INSTANT: "i", COMPLETE: "X", METADATA: "M" } as const;
const Scope = { PROCESS: "p", THREAD: "t" } as const;

const PROCESS_ID = 1;
/** Events of no slot: viewers take the thread whose number is the process's for the main one. */
const NO_SLOT_THREAD_ID = 1;
const FIRST_SLOT_THREAD_ID = 2;
const MICROSECONDS_PER_MS = 1000;

interface JsonEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
  /** Left out where there are none: some viewers would show an empty object. */
  readonly args?: object;
}

/**
 * A trace in Chrome's JSON format, for Perfetto, chrome://tracing and the Performance panel of DevTools: a counter for
 * each cache or zone, which starts with its first snapshot and is 0 where a later one has it no more; instants; and
 * slow paths on a track for each slot. Throws `BAD_ARGUMENT` for times that are not finite or below 0, and for slots or
 * bytes that are no numbers for it. O(n log n).
 */
export function traceEventsText(timeline: HeapTimeline): string {
  if (timeline === undefined) throw badArgument("timeline", "an object", timeline);
  const read = readOptions("timeline", timeline, TIMELINE_CHECKS);
  return reading("timeline", timeline, () => textOfTimeline(read));
}

function textOfTimeline(timeline: HeapTimeline): string {
  const { processName = "kmem", counterName = "bytes in use" } = timeline;
  const { snapshots = [], instants = [], slowPaths = [] } = timeline;
  const events = [
    ...counterEvents(counterName.toWellFormed(), snapshots),
    ...instants.map(instantEvent),
    ...slowPaths.map(completeEvent),
  ].sort((one, other) => one.ts - other.ts || durationOf(other) - durationOf(one));
  const names = [
    metadataEvent("process_name", NO_SLOT_THREAD_ID, processName),
    ...slotsOf(timeline).map((slot) => metadataEvent("thread_name", threadIdOf(slot), `slot ${slot}`)),
  ];
  return JSON.stringify({ traceEvents: [...names, ...events], displayTimeUnit: "ms" });
}

function counterEvents(name: string, snapshots: readonly MemorySnapshot[]): JsonEvent[] {
  const seen = new Set<string>();
  return snapshots
    .toSorted((one, other) => one.timeMs - other.timeMs)
    .map(({ timeMs, bytes }) => {
      for (const [part, value] of Object.entries(bytes)) {
        requireFinite(`the bytes of "${part}"`, value);
        seen.add(part);
      }
      const all = [...seen].map((part) => [part.toWellFormed(), Object.hasOwn(bytes, part) ? bytes[part] : 0]);
      return jsonEvent(name, Phase.COUNTER, "timeMs", timeMs, NO_SLOT_THREAD_ID, Object.fromEntries(all));
    });
}

function instantEvent({ name, timeMs, slot, details = {} }: InstantEvent): JsonEvent & { readonly s: string } {
  const event = jsonEvent(name, Phase.INSTANT, "timeMs", timeMs, threadIdOf(slot), wellFormed(details));
  return { ...event, s: slot === undefined ? Scope.PROCESS : Scope.THREAD };
}

function completeEvent(event: CompleteEvent): JsonEvent & { readonly dur: number } {
  const { name, startMs, durationMs, slot, details = {} } = event;
  requireTime("durationMs", durationMs);
  return {
    ...jsonEvent(name, Phase.COMPLETE, "startMs", startMs, threadIdOf(slot), wellFormed(details)),
    dur: durationMs * MICROSECONDS_PER_MS,
  };
}

function metadataEvent(name: string, tid: number, value: string): JsonEvent {
  return { name, ph: Phase.METADATA, ts: 0, pid: PROCESS_ID, tid, args: { name: value.toWellFormed() } };
}

function jsonEvent(name: string, ph: string, what: string, timeMs: number, tid: number, args: object): JsonEvent {
  requireTime(what, timeMs);
  const event = { name: name.toWellFormed(), ph, ts: timeMs * MICROSECONDS_PER_MS, pid: PROCESS_ID, tid };
  return Object.keys(args).length === 0 ? event : { ...event, args };
}

function wellFormed(details: Readonly<Record<string, string | number>>): object {
  const entries = Object.entries(details).map(([key, value]) => [
    key.toWellFormed(),
    typeof value === "string" ? value.toWellFormed() : value,
  ]);
  return Object.fromEntries(entries);
}

function threadIdOf(slot: number | undefined): number {
  if (slot === undefined) return NO_SLOT_THREAD_ID;
  if (Number.isSafeInteger(slot) && slot >= 0) return FIRST_SLOT_THREAD_ID + slot;
  throw new KmemError("BAD_ARGUMENT", `a slot is a whole number from 0, unlike ${slot}`, { slot });
}

function slotsOf({ instants = [], slowPaths = [] }: HeapTimeline): number[] {
  const slots = [...instants, ...slowPaths].flatMap(({ slot }) => (slot === undefined ? [] : [slot]));
  return [...new Set(slots)].sort((one, other) => one - other);
}

/** Of two that begin together the longer one comes first: it contains the other. */
function durationOf(event: JsonEvent & { readonly dur?: number }): number {
  return event.dur ?? 0;
}

function requireFinite(what: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new KmemError("BAD_ARGUMENT", `${what} are a finite number, unlike ${value}`, { what, value });
}
