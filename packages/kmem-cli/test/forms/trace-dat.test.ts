import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import { missingTool, printedBy, readFileBytes, readStreamBytes, totalsOf } from "./kernel-files.ts";
import type { Machine, WrittenEvent } from "./kernel-writer.ts";
import { type TraceDatOptions, traceDat } from "./trace-dat-writer.ts";
import { writtenEvents } from "./written-events.ts";

const COUNT = 1500;
const CPUS = 3;
const EVENTS = writtenEvents(1, COUNT, CPUS);
const TRACE_CMD_MISSING = missingTool("trace-cmd");

function counted(events: readonly WrittenEvent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name } of events) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const WAYS: readonly (readonly [name: string, options: TraceDatOptions])[] = [
  ["version 6", {}],
  ["version 6 with absolute times and pages of 8 KiB", { absolute: true, pageBytes: 8192 }],
  ["version 6 with discarded events", { discardEvery: 7 }],
  ["version 7", { version: 7 }],
  ["version 7, zstd", { version: 7, packing: "zstd" }],
  ["version 7, zlib", { version: 7, packing: "zlib", discardEvery: 5 }],
];
const MACHINES: readonly (readonly [name: string, machine: Machine])[] = [
  ["of 64 bits, the low byte first", { littleEndian: true, longBytes: 8 }],
  ["of 32 bits, the low byte first", { littleEndian: true, longBytes: 4 }],
  ["of 64 bits, the high byte first", { littleEndian: false, longBytes: 8 }],
  ["of 32 bits, the high byte first", { littleEndian: false, longBytes: 4 }],
];

describe("a trace.dat file", () => {
  it.each(WAYS)("is read in the order of its times: %s", async (_name, options) => {
    const { summary, events } = await readFileBytes(traceDat(EVENTS, options));
    expect(summary).toMatchObject({ form: "tracedat", lostEventCount: 0, broken: { count: 0 } });
    expect(summary.events).toEqual(counted(EVENTS));
    expect(summary.lines).toMatchObject({ total: COUNT, kmemEvent: COUNT, otherEvent: 0 });
    const times = events.map(({ timeNs }) => timeNs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(summary.objects).toMatchObject({ crossFreeCount: 0, impliedFreeCount: 0 });
    expect(summary.objects.kfree).toMatchObject({ unknownCount: 0 });
    expect(summary.pages.pageFree).toMatchObject({ unknownCount: 0 });
  });

  it.each(MACHINES)("is read whatever machine it is of: %s", async (_name, machine) => {
    const events = writtenEvents(2, COUNT, 2, machine.longBytes);
    for (const version of [6, 7] as const) {
      const { summary } = await readFileBytes(traceDat(events, { machine, version, discardEvery: 9, lost: 3 }));
      expect(summary).toMatchObject({ broken: { count: 0 }, lostEventCount: 6 });
      expect(summary.events).toEqual(counted(events));
      expect(summary.objects.cacheFree.unknownCount + summary.objects.kfree.unknownCount).toBe(0);
    }
  });

  it("has tasks, processors, times and sites", async () => {
    const [first] = (await readFileBytes(traceDat(EVENTS))).events;
    const wanted = EVENTS.find(({ name }) => name === "mm_page_alloc" || name.endsWith("alloc"))!;
    const thread = { 0: "<idle>-0", 171: "prog-171", 172: "a b-172" }[wanted.pid] ?? `<...>-${wanted.pid}`;
    expect(first).toMatchObject({ timeNs: Number(wanted.timeNs), cpu: wanted.cpu + 1, thread });
    const sites = new Set((await readFileBytes(traceDat(EVENTS))).events.flatMap(({ frames }) => frames));
    expect([...sites].sort()).toEqual(["alpha_close+0x8", "alpha_open+0x10", "beta_get+0x4", "beta_put+0x4 [beta]"]);
  });

  it("has no times where its clock counts something else", async () => {
    const { summary, events } = await readFileBytes(traceDat(EVENTS, { clock: "counter" }));
    expect(events.every(({ timeNs }) => timeNs === -1)).toBe(true);
    expect(summary.objects.kfree.unknownCount).toBe(0);
  });

  it("is read as a stream and packed as a whole, too", async () => {
    const bytes = traceDat(EVENTS, { version: 7, packing: "zstd" });
    const expected = totalsOf((await readFileBytes(bytes)).summary);
    expect(totalsOf((await readStreamBytes(bytes)).summary)).toEqual(expected);
    expect(totalsOf((await readStreamBytes(new Uint8Array(gzipSync(bytes)))).summary)).toEqual(expected);
  });

  it("says how many events the kernel lost, or that it lost some", async () => {
    expect((await readFileBytes(traceDat(EVENTS, { lost: 12 }))).summary).toMatchObject({
      lostEventCount: 12 * CPUS,
      lines: { lost: CPUS },
    });
    expect((await readFileBytes(traceDat(EVENTS, { lost: -1 }))).summary).toMatchObject({
      lostEventCount: 0,
      lines: { lost: CPUS },
    });
  });

  it("gives what is whole, and where it is not", async () => {
    const bytes = traceDat(EVENTS);
    const cut = (await readFileBytes(bytes.subarray(0, bytes.length - 5000))).summary;
    expect(cut.broken.countByReason).toMatchObject({ "the file is cut off": 1, "the page is cut off": 1 });
    expect(cut.lines.total).toBeGreaterThan(COUNT / 2);
    const damaged = bytes.slice();
    // The head of the first event in the last page, from which on the page is lost.
    const page = damaged.length - 4096;
    damaged.fill(0, page + 16, page + 20).fill(0xff, page + 20, page + 24);
    const { summary } = await readFileBytes(damaged);
    expect(summary.broken.first).toEqual([
      { position: page, reason: "an entry reaches beyond its page", text: `processor ${CPUS - 1}` },
    ]);
  });

  it("counts the events of kinds that it does not describe", async () => {
    const bytes = traceDat(EVENTS);
    const text = Buffer.from(bytes).toString("latin1");
    const at = text.indexOf("ID: 503");
    bytes.set(Buffer.from("ID: 603"), at);
    const { summary } = await readFileBytes(bytes);
    const kfrees = counted(EVENTS)["kfree"]!;
    expect(summary.broken.countByReason).toEqual({ "the file does not describe its kind of event": kfrees });
  });

  it("is refused with a reason where it cannot be read", async () => {
    const bytes = traceDat(EVENTS);
    await expect(readFileBytes(bytes.subarray(0, 3000))).rejects.toThrow("it ends in the middle of its header");
    const version = bytes.slice();
    version[10] = "9".charCodeAt(0);
    await expect(readFileBytes(version)).rejects.toThrow("version 9, and only 6 and 7 are read");
    const text = Buffer.from(bytes).toString("latin1");
    const latency = bytes.slice();
    latency.set(Buffer.from("latency  "), text.indexOf("flyrecord"));
    await expect(readFileBytes(latency)).rejects.toThrow("trace-cmd report");
    const packed = traceDat(EVENTS, { version: 7, packing: "zstd" });
    packed.set(Buffer.from("lzma"), 18);
    await expect(readFileBytes(packed)).rejects.toThrow("only zstd and zlib are read");
    await expect(readFileBytes(packed)).rejects.toThrow(TraceFormatError);
  });

  it("is refused where it was packed to fill a machine", async () => {
    const bomb = { version: 7, packing: "zstd", emptyPages: 5 * 4096, pagesPerChunk: 4096 } as const;
    const events = [0, 1, 2, 3].map((cpu) => ({ ...EVENTS[0]!, cpu }));
    await expect(readFileBytes(traceDat(events, bomb))).rejects.toThrow("unpacks to more than 4096 times its size");
    // What is within reason is read, and a chunk that is too large is left out.
    const { summary } = await readFileBytes(traceDat(events.slice(0, 1), { ...bomb, emptyPages: 4096 }));
    expect(summary.lines.total).toBe(1);
    const wide = traceDat(events.slice(0, 1), { ...bomb, emptyPages: 4096, pagesPerChunk: 2 * 4096 });
    expect((await readFileBytes(wide)).summary.broken.countByReason).toEqual({ "packed pages cannot be unpacked": 1 });
  });

  it("is refused where its processors' data overlap, which would have them read again and again", async () => {
    const bytes = traceDat(EVENTS);
    const table = Buffer.from(bytes).toString("latin1").indexOf("flyrecord") + 10;
    bytes.copyWithin(table + 16, table, table + 16);
    await expect(readFileBytes(bytes)).rejects.toThrow("overlap");
  });
});

describe.skipIf(TRACE_CMD_MISSING)(
  `trace-cmd${TRACE_CMD_MISSING === undefined ? "" : ` (${TRACE_CMD_MISSING})`}`,
  () => {
    it.each(WAYS.filter(([, { packing }]) => packing !== "zlib"))(
      "prints text that has the totals of the file: %s",
      async (_name, options) => {
        const bytes = traceDat(EVENTS, { lost: 4, ...options });
        const fromText = await readStreamBytes(await printedBy(bytes, "trace-cmd", "report", "-i"), "kernel");
        const { summary } = await readFileBytes(bytes);
        expect(totalsOf(summary)).toEqual(totalsOf(fromText.summary));
        expect(summary.lostEventCount).toBe(fromText.summary.lostEventCount);
      },
    );
  },
);
