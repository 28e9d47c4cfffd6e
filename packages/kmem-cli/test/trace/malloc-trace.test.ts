import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokenLog, type BrokenReport } from "../../src/trace/broken-log.ts";
import { MALLOC_TRACE_MAGIC, MallocTraceReader } from "../../src/trace/malloc-trace.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import { mallocEvent as event, mallocTrace } from "./malloc-trace-bytes.ts";
import { OpModel } from "./op-model.ts";
import { cutAt, OpList, type OpTuple } from "./support.ts";

interface MallocResult {
  readonly reader: MallocTraceReader;
  readonly ops: readonly OpTuple[];
  readonly broken: BrokenReport;
}

function read(chunks: readonly Uint8Array[]): MallocResult {
  const sink = new OpList();
  const log = new BrokenLog();
  const reader = new MallocTraceReader(sink, log);
  for (const chunk of chunks) {
    const own = chunk.slice();
    reader.push(own);
    own.fill(0xff);
  }
  reader.end();
  return { reader, ops: sink.ops, broken: log.report() };
}

const [MALLOC, FREE, CALLOC, REALLOC, ALIGNED] = [0, 1, 2, 3, 4];

describe("MallocTraceReader", () => {
  it("turns each event into an operation", () => {
    const events = [
      event(MALLOC, 0, 10),
      event(CALLOC, 1, 20),
      event(ALIGNED, 2, 30, 12),
      event(REALLOC, 0, 40),
      event(FREE, 0, 0),
      event(MALLOC, 0, 2 ** 32 - 1),
    ];
    const { ops, broken, reader } = read([mallocTrace(events, { slotCount: 3 })]);
    expect(broken.count).toBe(0);
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 10, 0],
      [OP.CALLOC, 0, 1, 20, 0],
      [OP.ALIGNED, 12, 2, 30, 0],
      [OP.REALLOC, 0, 0, 40, 10],
      [OP.FREE, 0, 0, 40, 0],
      [OP.MALLOC, 0, 0, 2 ** 32 - 1, 0],
    ]);
    expect(reader.eventCounts()).toEqual({ malloc: 2, free: 1, calloc: 1, realloc: 1, aligned_alloc: 1 });
    expect(reader.totals()).toEqual({
      kind: "malloc",
      slotCount: 3,
      peakLiveBytes: 2 ** 32 - 1 + 50,
      peakLiveBlockCount: 3,
      requestedBytes: 2 ** 32 - 1 + 100,
    });
  });

  it("decodes the header", () => {
    const words = { slotCount: 9, peakLow: 5, peakHigh: 1, allocs: 2, frees: 3, reallocs: 4, requestedLow: 6 };
    const { reader } = read([mallocTrace([], { ...words, requestedHigh: 2, flags: 7, threads: 8 })]);
    expect(reader.header).toEqual({
      eventCount: 0,
      slotCount: 9,
      peakLiveBytes: 2 ** 32 + 5,
      allocCount: 2,
      freeCount: 3,
      reallocCount: 4,
      requestedBytes: 2 * 2 ** 32 + 6,
      threadCount: 8,
      cutByRecorder: true,
      pointerBits: 64,
      convertedFromText: true,
    });
    expect(read([mallocTrace([], { flags: 0 })]).reader.header).toMatchObject({
      cutByRecorder: false,
      pointerBits: 32,
      convertedFromText: false,
    });
  });

  it.each([
    [event(FREE, 1, 0), "free of a slot that is not live", "free id=1 size=0"],
    [event(REALLOC, 1, 8), "realloc of a slot that is not live", "realloc id=1 size=8"],
    [event(MALLOC, 0, 8), "allocation on a slot that is live", "malloc id=0 size=8"],
    [event(CALLOC, 0, 8), "allocation on a slot that is live", "calloc id=0 size=8"],
    [event(ALIGNED, 0, 8, 4), "allocation on a slot that is live", "aligned_alloc id=0 size=8"],
    [event(MALLOC, 2, 8), "the id is beyond the header's number of slots", "malloc id=2 size=8"],
    [event(FREE, 2 ** 24 - 1, 8), "the id is beyond the header's number of slots", "free id=16777215 size=8"],
    [event(5, 0, 8), "the operation is not known", "op 5 id=0 size=8"],
    [event(7, 0, 8), "the operation is not known", "op 7 id=0 size=8"],
  ])("skips a broken event and goes on: %s", (broken, reason, text) => {
    const events = [event(MALLOC, 0, 8), broken, event(FREE, 0, 0)];
    const result = read([mallocTrace(events, { slotCount: 2 })]);
    expect(result.broken).toEqual({
      count: 1,
      countByReason: { [reason]: 1 },
      first: [{ position: 2, reason, text }],
    });
    expect(result.ops.map(([code]) => code)).toEqual([OP.MALLOC, OP.FREE]);
    expect(result.reader.readEventCount).toBe(3);
  });

  it("ignores alignment and size where an operation has none", () => {
    const { ops, broken } = read([mallocTrace([event(MALLOC, 0, 8, 4), event(FREE, 0, 99, 4)], { slotCount: 1 })]);
    expect(broken.count).toBe(0);
    expect(ops).toEqual([
      [OP.MALLOC, 0, 0, 8, 0],
      [OP.FREE, 0, 0, 8, 0],
    ]);
  });

  it.each([
    ["magic", mallocTrace([], { magic: 0x41545243 }), "0x41545243"],
    ["version", mallocTrace([], { version: 2 }), "version 2"],
    ["slots", mallocTrace([], { slotCount: 2 ** 24 + 1 }), "16777217 slots"],
    ["length", mallocTrace([]).subarray(0, 63), "63 of 64 bytes"],
    ["length", new Uint8Array(0), "0 of 64 bytes"],
  ])("refuses a header with a wrong %s", (_, bytes, complaint) => {
    expect(() => read([bytes])).toThrow(TraceFormatError);
    expect(() => read([bytes])).toThrow(complaint);
  });

  it("reports a trace that ends early, also in the middle of an event", () => {
    const whole = mallocTrace([event(MALLOC, 0, 8), event(MALLOC, 1, 8), event(FREE, 0, 0)], { slotCount: 2 });
    for (const [missingBytes, text] of [
      [8, "2 of 3 events, and 0 bytes of the next"],
      [11, "1 of 3 events, and 5 bytes of the next"],
    ] as const) {
      const { broken, ops } = read([whole.subarray(0, whole.length - missingBytes)]);
      expect(broken.first).toEqual([
        { position: ops.length + 1, reason: "the trace ends before its last event", text },
      ]);
    }
  });

  it("reports what stands behind the last event", () => {
    const whole = mallocTrace([event(MALLOC, 0, 8)], { slotCount: 1 });
    const longer = new Uint8Array(whole.length + 21);
    longer.set(whole);
    const { broken, ops } = read([longer]);
    expect(ops).toHaveLength(1);
    expect(broken.first).toEqual([{ position: 2, reason: "bytes after the last event", text: "21 bytes" }]);
  });

  it("needs memory for the slots that occur, not for those that the header claims", () => {
    const { reader } = read([mallocTrace([event(MALLOC, 70_000, 8)], { slotCount: 2 ** 24 })]);
    expect(reader.totals().slotCount).toBe(70_001);
  });
});

describe("chunks of a malloc trace", () => {
  const events = fc.array(
    fc
      .tuple(fc.nat(7), fc.nat(5), fc.nat(100), fc.nat(31))
      .map(([code, id, size, log2]) => event(code, id, size, log2)),
    { maxLength: 60 },
  );

  it("may end anywhere, and all that comes out can be replayed", () => {
    fc.assert(
      fc.property(events, fc.array(fc.nat(600), { maxLength: 10 }), (list, cuts) => {
        const bytes = mallocTrace(list, { slotCount: 4 });
        const whole = read([bytes]);
        const parts = read(cutAt(bytes, cuts));
        expect(parts.ops).toEqual(whole.ops);
        expect(parts.broken).toEqual(whole.broken);
        expect(whole.ops.length + whole.broken.count).toBe(list.length);
        const model = new OpModel().replay(whole.ops);
        expect(model.liveBytes).toBe(whole.reader.live.liveBytes);
        expect(model.peakLiveBytes).toBe(whole.reader.totals().peakLiveBytes);
      }),
    );
  });

  it("may hold anything behind a header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(2 ** 32 - 1), (noise, eventCount) => {
        const header = mallocTrace([], { eventCount, slotCount: 2 ** 24 });
        const bytes = new Uint8Array(header.length + noise.length);
        bytes.set(header);
        bytes.set(noise, header.length);
        const { ops } = read([bytes]);
        new OpModel().replay(ops);
        expect(ops.length).toBeLessThanOrEqual(Math.floor(noise.length / 8));
      }),
    );
  });

  it("may hold anything at all, which is refused or read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          read([bytes]);
          expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)).toBe(MALLOC_TRACE_MAGIC);
        } catch (error) {
          expect(error).toBeInstanceOf(TraceFormatError);
        }
      }),
    );
  });
});
