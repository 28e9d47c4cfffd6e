import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type CompileTraceOptions, compileTrace } from "../../src/forms/compile-trace.ts";
import { OpReader } from "../../src/trace/op-reader.ts";
import { OP, PAGE_BYTES } from "../../src/trace/op-stream.ts";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import type { TraceProgress } from "../../src/trace/trace-progress.ts";
import type { KernelSummary, TraceSummary } from "../../src/trace/trace-summary.ts";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { type OpTuple, readOps, withTempDir } from "../trace/support.ts";

interface Compiled {
  readonly summary: TraceSummary;
  readonly ops: readonly OpTuple[];
}

async function compile(bytes: Uint8Array, options: CompileTraceOptions = {}): Promise<Compiled> {
  return withTempDir(async (directory) => {
    const tracePath = join(directory, "trace");
    const opsPath = join(directory, "trace.ops");
    writeFileSync(tracePath, bytes);
    const summary = await compileTrace(tracePath, opsPath, options);
    return { summary, ops: readOps(opsPath) };
  });
}

const TASK = "            init-1       [000] .....     4.241525: ";
const KERNEL = Buffer.from(
  [
    "# tracer: nop",
    `${TASK}kmem_cache_alloc: call_site=f ptr=ffff8d98c2e6f500 bytes_req=96 bytes_alloc=104 gfp_flags=GFP_KERNEL`,
    `${TASK}kmalloc: call_site=f ptr=ffff8d98c2e6f600 bytes_req=10 bytes_alloc=16 gfp_flags=GFP_KERNEL`,
    `${TASK}kfree: call_site=f ptr=ffff8d98c2e6f6`,
    `${TASK}kmem_cache_free: call_site=f ptr=ffff8d98c2e6f500 name=filp`,
    `${TASK}mm_page_alloc: page=0 pfn=0x10 order=1 migratetype=0 gfp_flags=GFP_KERNEL`,
    "",
  ].join("\n"),
);

describe("compileTrace", () => {
  it("compiles a kernel trace and sums it up", async () => {
    const packed = zstdCompressSync(KERNEL);
    const { summary, ops } = await compile(packed);
    expect(ops.map(([code]) => code)).toEqual([OP.CACHE_ALLOC, OP.MALLOC, OP.CACHE_FREE, OP.PAGE_ALLOC]);
    expect(summary).toMatchObject({
      format: "kernel",
      compression: "zstd",
      readBytes: packed.length,
      traceBytes: KERNEL.length,
      opCount: 4,
      slotCount: 2,
      lines: { total: 6, kmemEvent: 4, comment: 1 },
      broken: { count: 1, first: [{ position: 4, reason: "kfree: ptr= is not an address" }] },
      live: {
        requestedBytes: 106 + 2 * PAGE_BYTES,
        peakLiveBytes: 10 + 2 * PAGE_BYTES,
        peakLiveBlockCount: 2,
        liveBytesAtEnd: 10 + 2 * PAGE_BYTES,
        liveBlockCountAtEnd: 2,
      },
      objects: { requestedBytes: 106, peakLiveBytes: 106, allocatedBytes: 120, cacheFree: { matchedCount: 1 } },
      pages: { requestedBytes: 2 * PAGE_BYTES, liveBlockCountAtEnd: 1 },
      caches: [{ objectBytes: 96, allocBytes: 104, aliases: ["filp"] }],
    } satisfies DeepPartial<KernelSummary>);
  });

  it("compiles a malloc trace and sums it up", async () => {
    const events = [mallocEvent(0, 0, 100), mallocEvent(3, 0, 300), mallocEvent(1, 5, 0), mallocEvent(0, 1, 1)];
    const { summary, ops } = await compile(mallocTrace(events, { flags: 2 }));
    expect(ops.map(([code]) => code)).toEqual([OP.MALLOC, OP.REALLOC, OP.MALLOC]);
    expect(summary).toMatchObject({
      format: "malloc",
      compression: "none",
      events: { malloc: 2, realloc: 1 },
      eventCount: 4,
      opCount: 3,
      slotCount: 2,
      broken: { count: 1, countByReason: { "free of a slot that is not live": 1 } },
      header: { pointerBits: 64 },
      live: { requestedBytes: 401, peakLiveBytes: 301, liveBytesAtEnd: 301, liveBlockCountAtEnd: 2 },
    });
  });

  it("writes a header that says what the summary says", async () => {
    await withTempDir(async (directory) => {
      const opsPath = join(directory, "trace.ops");
      const summary = await compileTrace("-", opsPath, { stdin: Readable.from([KERNEL]) });
      const reader = new OpReader(opsPath);
      reader.close();
      expect(reader.header).toEqual({
        kind: "kernel",
        opCount: summary.opCount,
        slotCount: summary.slotCount,
        cacheCount: 1,
        peakLiveBytes: summary.live.peakLiveBytes,
        peakLiveBlockCount: summary.live.peakLiveBlockCount,
        requestedBytes: summary.live.requestedBytes,
      });
      expect(reader.caches).toEqual([{ objectBytes: 96, allocBytes: 104 }]);
    });
  });

  it("reports progress up to the end of the file", async () => {
    const seen: TraceProgress[] = [];
    const packed = gzipSync(KERNEL);
    await compile(packed, { onProgress: (progress) => seen.push(progress), readBytes: 40 });
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.map(({ readBytes }) => readBytes)).toEqual(
      seen.map(({ readBytes }) => readBytes).sort((a, b) => a - b),
    );
    expect(seen.at(-1)).toEqual({ readBytes: packed.length, fileBytes: packed.length });
  });

  it("keeps as many broken lines as it is told", async () => {
    const { summary } = await compile(Buffer.from("junk\n".repeat(50)), { brokenExampleCount: 3 });
    expect(summary.broken.count).toBe(50);
    expect(summary.broken.first.map(({ position }) => position)).toEqual([1, 2, 3]);
  });

  it("reports damage to the packing and keeps what came before it", async () => {
    const text = Buffer.concat(Array.from({ length: 3000 }, () => KERNEL));
    const packed = gzipSync(text, { level: 0 });
    const { summary } = await compile(packed.subarray(0, packed.length >> 1));
    if (summary.format !== "kernel") throw new Error("not recognised as a kernel trace");
    expect(summary.lines.total).toBeGreaterThan(6000);
    expect(summary.broken.countByReason).toMatchObject({
      "the line is cut off by the end of the trace": 1,
      "the packed data are damaged or cut": 1,
    });
  });

  it("reports both that a packed malloc trace is cut and what is missing of it", async () => {
    const events = Array.from({ length: 8000 }, (_, index) => mallocEvent(0, index, 8));
    const packed = gzipSync(mallocTrace(events, { slotCount: 8000 }), { level: 0 });
    const { summary } = await compile(packed.subarray(0, packed.length >> 1));
    expect(summary.opCount).toBeGreaterThan(1000);
    expect(summary.broken.first.map(({ position }) => position)).toEqual([summary.opCount + 1, summary.opCount + 1]);
    expect(summary.broken.countByReason).toEqual({
      "the trace ends before its last event": 1,
      "the packed data are damaged or cut": 1,
    });
  });

  it("leaves no operation file of what is no trace, and says which file it was", async () => {
    await withTempDir(async (directory) => {
      const tracePath = join(directory, "trace");
      const opsPath = join(directory, "trace.ops");
      for (const bytes of [new Uint8Array(0), mallocTrace([], { version: 7 }), mallocTrace([]).subarray(0, 20)]) {
        writeFileSync(tracePath, bytes);
        const compiling = compileTrace(tracePath, opsPath);
        await expect(compiling).rejects.toThrow(TraceFormatError);
        await expect(compiling).rejects.toThrow(tracePath);
        expect(existsSync(opsPath)).toBe(false);
      }
    });
  });
});

type DeepPartial<T> = { readonly [Key in keyof T]?: T[Key] extends object ? DeepPartial<T[Key]> : T[Key] };
