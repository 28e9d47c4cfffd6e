import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HeapTimeline, traceEventsText } from "../../src/profile/index.ts";
import { anyText } from "./profiles.ts";

interface ReadEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly s?: string;
  readonly args?: Readonly<Record<string, string | number>>;
}

function read(timeline: HeapTimeline): ReadEvent[] {
  const { traceEvents } = JSON.parse(traceEventsText(timeline)) as { traceEvents: ReadEvent[] };
  for (const event of traceEvents) {
    expect(event).toMatchObject({ name: expect.any(String), ts: expect.any(Number), pid: 1, tid: expect.any(Number) });
  }
  return traceEvents;
}

const TIMELINE: HeapTimeline = {
  processName: "server",
  snapshots: [
    { timeMs: 30, bytes: { inode: 64 } },
    { timeMs: 10.5, bytes: { inode: 128, "kmalloc-64": 4096 } },
  ],
  instants: [
    { name: "out of memory", timeMs: 25, slot: 3, details: { askedBytes: 1 << 20, "who asked": "a;b" } },
    { name: "grown", timeMs: 5 },
  ],
  slowPaths: [
    { name: "refill", startMs: 20, durationMs: 1.25, slot: 0 },
    { name: "reclaim", startMs: 20, durationMs: 4, slot: 0, details: { pages: 12 } },
  ],
};

describe("a trace of a heap", () => {
  const events = read(TIMELINE);
  const ofPhase = (phase: string): ReadEvent[] => events.filter(({ ph }) => ph === phase);

  it("has a counter for each cache, in microseconds, and 0 for one that is gone", () => {
    expect(ofPhase("C").map(({ name, ts, args }) => ({ name, ts, args }))).toEqual([
      { name: "bytes in use", ts: 10_500, args: { inode: 128, "kmalloc-64": 4096 } },
      { name: "bytes in use", ts: 30_000, args: { inode: 64, "kmalloc-64": 0 } },
    ]);
  });

  it("has instants, of a thread or of the process", () => {
    expect(ofPhase("i")).toEqual([
      { name: "grown", ph: "i", ts: 5000, pid: 1, tid: 1, s: "p" },
      {
        ...{ name: "out of memory", ph: "i", ts: 25_000, pid: 1, tid: 5, s: "t" },
        args: { askedBytes: 1 << 20, "who asked": "a;b" },
      },
    ]);
  });

  it("has slow paths, the one that contains another before it", () => {
    expect(ofPhase("X").map(({ name, ts, dur, tid, args }) => ({ name, ts, dur, tid, args }))).toEqual([
      { name: "reclaim", ts: 20_000, dur: 4000, tid: 2, args: { pages: 12 } },
      { name: "refill", ts: 20_000, dur: 1250, tid: 2, args: undefined },
    ]);
  });

  it("names the process and the slots, and nothing else comes before", () => {
    expect(events.slice(0, 3).map(({ name, ph, tid, args }) => [name, ph, tid, args?.["name"]])).toEqual([
      ["process_name", "M", 1, "server"],
      ["thread_name", "M", 2, "slot 0"],
      ["thread_name", "M", 5, "slot 3"],
    ]);
  });

  it("is in the order of time, whatever the lists were in", () => {
    const times = events.map(({ ts }) => ts);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(events).toHaveLength(9);
  });

  it("may be of nothing", () => {
    expect(read({}).map(({ ph }) => ph)).toEqual(["M"]);
  });

  it.each<[string, HeapTimeline]>([
    ["a time that is no number", { instants: [{ name: "a", timeMs: Number.NaN }] }],
    ["a time before all others", { snapshots: [{ timeMs: -1, bytes: {} }] }],
    ["a duration without an end", { slowPaths: [{ name: "a", startMs: 0, durationMs: Number.POSITIVE_INFINITY }] }],
    ["a slot that is none", { instants: [{ name: "a", timeMs: 0, slot: 0.5 }] }],
    ["bytes that are no number", { snapshots: [{ timeMs: 0, bytes: { a: Number.NaN } }] }],
  ])("is refused with %s", (_what, timeline) => {
    expect(() => traceEventsText(timeline)).toThrow(
      expect.objectContaining({ name: "KmemError", code: "BAD_ARGUMENT" }),
    );
  });

  it("keeps the bytes of every snapshot, whatever its caches are called", () => {
    const snapshot = fc.record({ timeMs: fc.nat(), bytes: fc.dictionary(anyText, fc.nat()) });
    const timeMs = ({ timeMs: time }: { timeMs: number }): number => time;
    fc.assert(
      fc.property(fc.uniqueArray(snapshot, { selector: timeMs, maxLength: 8 }), (snapshots) => {
        const counters = read({ snapshots }).filter(({ ph }) => ph === "C");
        const sorted = snapshots.toSorted((one, other) => one.timeMs - other.timeMs);
        expect(counters).toHaveLength(sorted.length);
        for (const [index, { bytes }] of sorted.entries()) {
          const { args = {} } = counters[index];
          for (const [name, value] of Object.entries(bytes)) {
            expect(Object.getOwnPropertyDescriptor(args, name.toWellFormed())?.value).toBe(value);
          }
        }
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});
