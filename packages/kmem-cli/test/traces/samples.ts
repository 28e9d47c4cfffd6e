import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { Random } from "../../../kmem/test/support/random.ts";
import { StoredTraceWriter } from "../../src/forms/stored-writer.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import { perfData } from "../forms/perf-data-writer.ts";
import { traceDat } from "../forms/trace-dat-writer.ts";
import { writtenEvents } from "../forms/written-events.ts";
import { randomTrace } from "../forms/random-trace.ts";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { ftraceLine, PERF_EVENTS, perfLine, SIX_EVENTS } from "../trace/six-events.ts";
import { bytesOf } from "../trace/support.ts";
import type { Damage } from "./mutate.ts";
import { resealed } from "./reseal.ts";

const recorded = join(import.meta.dirname, "..", "forms", "samples");
const STORED_EVENTS = 200;
const TEXT_BYTES = 2000;
/** Small pages, so that mutations meet all parts of a file. */
const RECORDED_EVENTS = 60;
const PAGE_BYTES = 512;
/** Of the parts that a file is packed in, one in so many is damaged. */
const PARTS_DAMAGED_EVERY = 3;

function lines(...all: readonly string[]): Uint8Array {
  return bytesOf(all.map((line) => `${line}\n`).join(""));
}

function text(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(recorded, name)).subarray(0, TEXT_BYTES));
}

function unpacked(name: string): Uint8Array {
  return new Uint8Array(zstdDecompressSync(readFileSync(join(recorded, name))).subarray(0, TEXT_BYTES));
}

function stored(): Uint8Array {
  const stream = new EventStream(true);
  const chunks: Uint8Array[] = [];
  const writer = new StoredTraceWriter((bytes) => chunks.push(bytes.slice()), stream);
  randomTrace(new Random(1), STORED_EVENTS, writer, stream);
  writer.finish({ "source form": "random" });
  return new Uint8Array(Buffer.concat(chunks));
}

/** A file in which what was packed, or lies behind a checksum, is damaged before it is packed and summed. */
export type InnerDamage = (random: Random, damage: Damage) => Uint8Array;

/** For samples of packed forms, by their names in {@link samples}. */
export function innerDamages(): ReadonlyMap<string, InnerDamage> {
  const kernelEvents = writtenEvents(1, RECORDED_EVENTS, 2);
  const storedBytes = stored();
  const sometimes = (random: Random, damage: Damage): Damage => {
    return (bytes) => (random.below(PARTS_DAMAGED_EVERY) === 0 ? damage(bytes) : bytes);
  };
  return new Map<string, InnerDamage>([
    ["kmem", (random, damage) => resealed(storedBytes, random, damage)],
    [
      "tracedat zstd",
      (random, damage) =>
        traceDat(kernelEvents, {
          pageBytes: PAGE_BYTES,
          version: 7,
          packing: random.below(2) === 0 ? "zstd" : "zlib",
          beforePacking: sometimes(random, damage),
        }),
    ],
    [
      "perfdata packed",
      (random, damage) =>
        perfData(kernelEvents, {
          packedKind: random.below(2) === 0 ? 81 : 83,
          beforePacking: sometimes(random, damage),
        }),
    ],
  ]);
}

/** A sound trace of each form, by the form's id: what mutated ones are made from. */
export function samples(): ReadonlyMap<string, Uint8Array> {
  const kernelEvents = writtenEvents(1, RECORDED_EVENTS, 2);
  const head = "[16:10:05.000000100] (+0.000000100) host lttng_ust_libc";
  const frame = (name: string) => ({ functionName: name, url: "a.js", lineNumber: 1, columnNumber: 1, scriptId: "1" });
  const profile = {
    head: {
      callFrame: frame("(root)"),
      selfSize: 0,
      id: 1,
      children: [{ callFrame: frame("f"), selfSize: 24, id: 2, children: [] }],
    },
    samples: [
      { size: 24, nodeId: 2, ordinal: 2 },
      { size: 8, nodeId: 1, ordinal: 1 },
    ],
  };
  const events = [0, 1, 2, 0, 1].map((slot, index) => mallocEvent(index < 3 ? 0 : 1, slot, 8));
  const replay = ["1: malloc 0x10 48 1 2", "1: realloc 0x20 0x10 96 3 4", "2: memalign 0x30 16 64", "1: free 0x20"];
  const script = ["malloc size=24 ptr=0x10 tid=7 ts=1", "realloc old=0x10 size=3 ptr=0x20", "free ptr=0x20", "f(x)"];
  return new Map([
    ["kmem", stored()],
    ["atrc", new Uint8Array(mallocTrace(events))],
    ["kernel", lines(...SIX_EVENTS.map(ftraceLine), ...PERF_EVENTS.map(perfLine))],
    ["tracedat", traceDat(kernelEvents, { pageBytes: PAGE_BYTES, discardEvery: 6, lost: 2 })],
    ["tracedat 7", traceDat(kernelEvents, { pageBytes: PAGE_BYTES, version: 7 })],
    ["tracedat zstd", traceDat(kernelEvents, { pageBytes: PAGE_BYTES, version: 7, packing: "zstd" })],
    ["perfdata", perfData(kernelEvents)],
    ["perfdata stream", perfData(kernelEvents, { asStream: true, extras: true })],
    ["perfdata packed", perfData(kernelEvents, { packedKind: 83 })],
    ["mtrace", text("mtrace.txt")],
    ["valgrind", text("valgrind.txt")],
    ["ltrace", text("ltrace.txt")],
    ["heaptrack", unpacked("heaptrack.zst")],
    ["heaptrack raw", unpacked("heaptrack-raw.zst")],
    ["memory_replay", lines(...replay)],
    ["rep", lines("2000", "2", "4", "1", "a 0 2040", "r 0 123", "a 1 5", "f 0", "f 1")],
    [
      "lttng",
      lines(
        `${head}:malloc: { cpu_id = 1 }, { size = 24, ptr = 0x10 }`,
        `${head}:realloc: { cpu_id = 0 }, { in_ptr = 0x10, size = 30, ptr = 0x30 }`,
        `${head}:free: { cpu_id = 0 }, { ptr = 0x30 }`,
      ),
    ],
    ["bpftrace", lines(...script)],
    ["heapprofile", bytesOf(JSON.stringify(profile))],
    [
      "perfetto",
      bytesOf(
        JSON.stringify({
          traceEvents: [
            { name: "malloc", ph: "i", ts: 1, pid: 1, tid: 1, args: { address: "0x10", size: 24, site: "a" } },
            { name: "free", ph: "i", ts: 2, pid: 1, tid: 1, args: { address: "0x10" } },
          ],
        }),
      ),
    ],
    ["csv", lines("time_ns,op,address,size,site", '1,malloc,0x10,24,"a;b"', "2,realloc,0x10,48,", "3,free,0x10,,")],
  ]);
}
