import { join } from "node:path";
import { constants, crc32, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Random } from "../../../kmem/test/support/random.ts";
import { readTrace } from "../../src/forms/read-trace.ts";
import { FILE_HEAD, PACKING, SECTION, SECTION_EVENTS_MAX, SECTION_TYPE } from "../../src/forms/stored-layout.ts";
import { SectionWriter } from "../../src/forms/stored-section-writer.ts";
import { StoredTraceWriter } from "../../src/forms/stored-writer.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import { NONE } from "../../src/trace/line-scan.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { OpModel } from "../trace/op-model.ts";
import { BUNDLED_TRACES, type OpTuple } from "../trace/support.ts";
import { randomTrace } from "./random-trace.ts";
import { EventList, readForm, type SeenEvent } from "./support.ts";

/** What a real kernel's or program's trace may take, in bytes for each event. */
const BYTES_PER_EVENT_MAX = 4;

/** A random trace as its events and its file. */
function make(seed: number, count: number) {
  const stream = new EventStream(true);
  const seen = new EventList(stream);
  const chunks: Uint8Array[] = [];
  const writer = new StoredTraceWriter((bytes) => chunks.push(bytes.slice()), stream);
  const both = {
    op: (...op: OpTuple) => {
      seen.op(...op);
      writer.op(...op);
    },
  };
  randomTrace(new Random(seed), count, both, stream);
  writer.finish({ "source form": "random", seed: String(seed) });
  return { events: seen.events, bytes: new Uint8Array(Buffer.concat(chunks)) };
}

/** Operations with the slots numbered in the order of their first use among the live ones. */
function renumbered(ops: readonly OpTuple[]): OpTuple[] {
  const names = new Map<number, number>();
  let next = 0;
  return ops.map(([code, align, slot, size, aux]) => {
    if (code === OP.MALLOC || code === OP.CALLOC || code === OP.ALIGNED || code === OP.CACHE_ALLOC)
      names.set(slot, next++);
    if (code === OP.PAGE_ALLOC) names.set(slot, next++);
    return [code, align, names.get(slot) ?? NONE, size, aux];
  });
}

describe("kmem's own format", () => {
  it("gives back every event with all that is known of it, in chunks of any size", () => {
    for (const [seed, count, chunkBytes] of [
      [1, 0, 100],
      [2, 1, 1],
      [3, 5000, 777],
      [4, SECTION_EVENTS_MAX + 100, 65_536],
      [5, 4000, 4096],
    ] as const) {
      const { events, bytes } = make(seed, count);
      const read = readForm("kmem", bytes, chunkBytes);
      expect(read.broken.count).toBe(0);
      expect(renumbered(read.ops)).toEqual(renumbered(events.map(({ op }) => op)));
      new OpModel().replay(read.ops);
      expect(read.summary).toMatchObject({ eventCount: events.length, notes: { seed: String(seed) } });
      const contexts = (all: readonly SeenEvent[]) => all.map(({ thread, cpu, frames }) => ({ thread, cpu, frames }));
      expect(contexts(read.events)).toEqual(contexts(events));
      const allocated = (all: readonly SeenEvent[]) =>
        all.map((one) => (one.op[0] === OP.PAGE_FREE ? 0 : one.allocatedBytes));
      expect(allocated(read.events)).toEqual(allocated(events));
    }
  });

  it("keeps times, or none for a section in which one is missing", () => {
    const stream = new EventStream(true);
    const chunks: Uint8Array[] = [];
    const writer = new StoredTraceWriter((bytes) => chunks.push(bytes.slice()), stream);
    const times = [5_000, 7_000, 6_500, 2 ** 50];
    for (const [slot, timeNs] of times.entries()) {
      stream.context.timeNs = timeNs;
      writer.op(OP.MALLOC, 0, slot, 1, 0);
    }
    writer.flush();
    stream.context.timeNs = -1;
    writer.op(OP.MALLOC, 0, times.length, 1, 0);
    writer.finish({});
    const { events } = readForm("kmem", new Uint8Array(Buffer.concat(chunks)));
    expect(events.map(({ timeNs }) => timeNs)).toEqual([...times, -1]);
  });

  it("gives what is whole of a file that is cut, and says where it stops", () => {
    const { events, bytes } = make(6, SECTION_EVENTS_MAX + 100);
    for (const length of [0, 5, FILE_HEAD.BYTES]) {
      if (length < FILE_HEAD.BYTES) expect(() => readForm("kmem", bytes.slice(0, length))).toThrow("ends inside");
      else expect(readForm("kmem", bytes.slice(0, length)).broken.count).toBe(1);
    }
    const cut = readForm("kmem", bytes.slice(0, bytes.length - 100));
    expect(cut.broken.count).toBe(1);
    expect(cut.ops.length).toBeGreaterThanOrEqual(SECTION_EVENTS_MAX);
    expect(cut.broken.first[0]!.text).toMatch(/byte \d+, after \d+ events/);
    expect(cut.ops.length).toBeLessThanOrEqual(events.length);
    new OpModel().replay(cut.ops);
  });

  it("notices every damaged byte", () => {
    const { bytes } = make(7, 80);
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x10;
      let count: number;
      try {
        count = readForm("kmem", damaged).broken.count;
      } catch {
        count = 1;
      }
      const isSpare = at >= 10 && at < FILE_HEAD.BYTES;
      if (!isSpare) expect(count, `byte ${at}`).toBeGreaterThan(0);
    }
  });

  it("refuses a section that unpacks to more than it says, before there is room for it", () => {
    const chunks: Uint8Array[] = [];
    const sections = new SectionWriter((bytes) => chunks.push(bytes.slice()));
    sections.section(SECTION_TYPE.TABLES, 0, new Uint8Array(0));
    const bomb = zstdCompressSync(new Uint8Array(2 ** 27), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
    const head = new Uint8Array(chunks[1]!);
    const view = new DataView(head.buffer);
    view.setUint8(SECTION.PACKING, PACKING.ZSTD);
    view.setUint32(SECTION.PACKED_BYTES, bomb.length, true);
    for (const plainBytes of [1000, 2 ** 24, 2 ** 27]) {
      view.setUint32(SECTION.PLAIN_BYTES, plainBytes, true);
      view.setUint32(SECTION.CHECKSUM, crc32(bomb, crc32(head.subarray(0, SECTION.CHECKSUM))), true);
      const { broken } = readForm("kmem", new Uint8Array(Buffer.concat([chunks[0]!, head, bomb])));
      expect(broken).toMatchObject({ count: 1, first: [{ position: FILE_HEAD.BYTES }] });
    }
  });

  it.each([
    ["mid-6.12-hashedptr.trace.txt.zst", "kernel"],
    ["sqlite_file.trace.zst", "atrc"],
  ])("keeps the totals of %s in at most 4 bytes an event", async (name, form) => {
    const stream = new EventStream(true);
    const chunks: Uint8Array[] = [];
    const writer = new StoredTraceWriter((bytes) => chunks.push(bytes.slice()), stream);
    const { summary } = await readTrace(join(BUNDLED_TRACES, name), writer, stream);
    writer.finish({});
    expect(summary.form).toBe(form);
    const bytes = new Uint8Array(Buffer.concat(chunks));
    expect(bytes.length / summary.opCount).toBeLessThan(BYTES_PER_EVENT_MAX);
    const { summary: again, ops, broken } = readForm("kmem", bytes);
    expect(broken.count).toBe(0);
    expect(ops).toHaveLength(summary.opCount);
    expect(again.live).toEqual(summary.live);
    if (summary.format !== "kernel" || again.format !== "kmem") return;
    const { requestedBytes, peakLiveBytes, peakLiveBlockCount, liveBytesAtEnd, liveBlockCountAtEnd } = summary.objects;
    expect(again.objects).toEqual({
      requestedBytes,
      peakLiveBytes,
      peakLiveBlockCount,
      liveBytesAtEnd,
      liveBlockCountAtEnd,
    });
    expect(again.pages).toMatchObject({ requestedBytes: summary.pages.requestedBytes });
    expect(again.caches.map(({ objectBytes }) => objectBytes)).toEqual(
      summary.caches.map(({ objectBytes }) => objectBytes),
    );
  });
});
