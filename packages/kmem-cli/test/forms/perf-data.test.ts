import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { missingTool, printedBy, readFileBytes, readStreamBytes, totalsOf } from "./kernel-files.ts";
import { PC, type WrittenEvent } from "./kernel-writer.ts";
import { type PerfDataOptions, perfData, record } from "./perf-data-writer.ts";
import { writtenEvents } from "./written-events.ts";

const COUNT = 1500;
const EVENTS = writtenEvents(3, COUNT, 3);
const PERF_MISSING = missingTool("perf");

/** What awk counts in the text that perf script 6.1 prints of the samples, which are of `perf record -e 'kmem:*' true`. */
const RECORDED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "perf.data.zst": {
    kmalloc: 16,
    kfree: 37,
    kmem_cache_alloc: 84,
    kmem_cache_free: 17,
    mm_page_alloc: 34,
    mm_page_free: 28,
    "kmem:rss_stat": 52,
  },
  "perf-packed.data.zst": {
    kmalloc: 16,
    kfree: 37,
    kmem_cache_alloc: 84,
    kmem_cache_free: 17,
    mm_page_alloc: 33,
    mm_page_free: 2,
    "kmem:rss_stat": 54,
  },
};

function counted(events: readonly WrittenEvent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name } of events) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function recorded(name: string): Uint8Array {
  return new Uint8Array(zstdDecompressSync(readFileSync(join(import.meta.dirname, "samples", name))));
}

const WAYS: readonly (readonly [name: string, options: PerfDataOptions])[] = [
  ["a file", {}],
  ["a file with counters and call chains", { extras: true }],
  ["a stream", { asStream: true }],
  ["a file of packed records", { packedKind: 81 }],
  ["a stream of packed records with their sizes", { asStream: true, packedKind: 83 }],
];

describe("a perf.data file", () => {
  it.each(WAYS)("is read in the order of its times: %s", async (_name, options) => {
    const { summary, events } = await readFileBytes(perfData(EVENTS, options));
    expect(summary).toMatchObject({ form: "perfdata", lostEventCount: 0, broken: { count: 0 } });
    expect(summary.events).toEqual(counted(EVENTS));
    const times = events.map(({ timeNs }) => timeNs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(summary.objects.kfree.unknownCount + summary.objects.cacheFree.unknownCount).toBe(0);
    expect(summary.objects.impliedFreeCount + summary.pages.impliedFreeCount).toBe(0);
  });

  it("is read whatever machine it is of", async () => {
    for (const longBytes of [4, 8] as const) {
      const events = writtenEvents(4, COUNT, 2, longBytes);
      for (const asStream of [false, true]) {
        const machine = { littleEndian: false, longBytes };
        const { summary } = await readFileBytes(perfData(events, { machine, asStream, lost: 9 }));
        expect(summary).toMatchObject({ broken: { count: 0 }, lostEventCount: 9, lines: { lost: 1 } });
        expect(summary.events).toEqual(counted(events));
        expect(summary.objects.kfree.unknownCount).toBe(0);
      }
    }
  });

  it("has tasks, processors, times and sites", async () => {
    const { events } = await readFileBytes(perfData(EVENTS));
    const wanted = EVENTS.find(({ name }) => name.endsWith("alloc"))!;
    const thread = { 0: "swapper-0", 171: "prog-171", 172: "a b-172" }[wanted.pid] ?? `<...>-${wanted.pid}`;
    expect(events[0]).toMatchObject({ timeNs: Number(wanted.timeNs), cpu: wanted.cpu + 1, thread });
    const sites = new Set(events.flatMap(({ frames }) => frames));
    expect([...sites].sort()).toEqual(["alpha_close+0x8", "alpha_open+0x10", "beta_get+0x4", "beta_put+0x4 [beta]"]);
  });

  it("is read as it comes and packed as a whole, too", async () => {
    const bytes = perfData(EVENTS);
    const expected = totalsOf((await readFileBytes(bytes)).summary);
    expect(totalsOf((await readStreamBytes(bytes)).summary)).toEqual(expected);
    expect(totalsOf((await readStreamBytes(new Uint8Array(gzipSync(bytes)))).summary)).toEqual(expected);
  });

  it("gives what is whole, and where it is not", async () => {
    const bytes = perfData(EVENTS, { asStream: true });
    const { summary } = await readFileBytes(bytes.subarray(0, bytes.length - 2003));
    expect(summary.broken.countByReason).toEqual({ "the record is cut off": 1 });
    expect(summary.lines.total).toBeGreaterThan(COUNT / 2);
    const packed = perfData(EVENTS, { asStream: true, packedKind: 81 });
    packed.fill(0xff, packed.length - 1500, packed.length - 1400);
    const damaged = (await readFileBytes(packed)).summary;
    expect(damaged.broken.count).toBeGreaterThan(0);
    expect(damaged.lines.total).toBeLessThan(COUNT);
  });

  it("is refused with a reason where it cannot be read", async () => {
    const bytes = perfData(EVENTS);
    await expect(readFileBytes(bytes.subarray(0, 60))).rejects.toThrow("it ends in the middle of its header");
    const unfinished = bytes.slice();
    unfinished.fill(0, 48, 56);
    await expect(readFileBytes(unfinished)).rejects.toThrow("before it had finished the file");
    const undescribed = bytes.slice();
    undescribed.fill(0, 72, 80);
    await expect(readFileBytes(undescribed)).rejects.toThrow("perf kmem record");
  });

  it("is refused where it was packed to fill a machine", async () => {
    const unknown = record(PC, 99, new Uint8Array(65_520));
    const plain = Buffer.concat(Array.from({ length: 1200 }, () => unknown));
    const bomb = record(PC, 81, new Uint8Array(zstdCompressSync(plain)));
    const first = [bomb, bomb, bomb, bomb];
    await expect(readFileBytes(perfData(EVENTS, { first }))).rejects.toThrow(
      "unpacks to more than 4096 times its size",
    );
    expect((await readFileBytes(perfData(EVENTS, { first: [bomb] }))).summary.lines.total).toBe(COUNT);
  });

  it.each(Object.entries(RECORDED))("of a real kernel is read: %s", async (name, wanted) => {
    const { summary, events } = await readFileBytes(recorded(name));
    expect(summary.broken.count).toBe(0);
    expect(summary.events).toEqual(wanted);
    expect(events[0]!.thread).toMatch(/^true-\d+$/);
    expect(summary.caches.map((cache) => cache.name)).toContain("vm_area_struct");
  });
});

describe.skipIf(PERF_MISSING)(`perf${PERF_MISSING === undefined ? "" : ` (${PERF_MISSING})`}`, () => {
  const files: readonly (readonly [string, () => Uint8Array])[] = [
    ...WAYS.filter(([, { packedKind }]) => packedKind !== 83).map(
      ([name, options]) => [name, () => perfData(EVENTS, options)] as const,
    ),
    ...Object.keys(RECORDED).map((name) => [name, () => recorded(name)] as const),
  ];
  it.each(files)("prints text that has the totals of the file: %s", async (_name, bytesOf) => {
    const bytes = bytesOf();
    const fromText = await readStreamBytes(await printedBy(bytes, "perf", "script", "-i"), "kernel");
    expect(totalsOf((await readFileBytes(bytes)).summary)).toEqual(totalsOf(fromText.summary));
  });
});
