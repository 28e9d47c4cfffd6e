import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { describe, expect, it } from "vitest";
import { readTrace } from "../../src/forms/read-trace.ts";
import { ParquetConversion, partitionOf } from "../../src/insight/parquet-conversion.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import type { TraceSummary } from "../../src/trace/trace-summary.ts";
import { runCli } from "../commands/support.ts";
import { BUNDLED_TRACES, withTempDir } from "../trace/support.ts";

interface Event {
  readonly time_ns: bigint | null;
  readonly op: string;
  readonly family: string;
  readonly block: bigint;
  readonly requested_bytes: bigint;
  readonly allocated_bytes: bigint;
  readonly live_change_bytes: bigint;
  readonly lifetime_ns: bigint | null;
  readonly cache: string | null;
  readonly site: string | null;
}

/** Converts a trace, and reads the file back. */
async function converted(folder: string, path: string): Promise<{ events: Event[]; summary: TraceSummary }> {
  const out = join(folder, "events.parquet");
  const pieces: Uint8Array[] = [];
  const stream = new EventStream(true);
  const conversion = new ParquetConversion((bytes) => pieces.push(bytes.slice()), stream);
  const { summary } = await readTrace(path, conversion, stream);
  conversion.finish();
  writeFileSync(out, Buffer.concat(pieces));
  const file = await asyncBufferFromFile(out);
  expect(Number((await parquetMetadataAsync(file)).num_rows)).toBe(summary.opCount);
  return { events: (await parquetReadObjects({ file })) as unknown as Event[], summary };
}

const sum = (events: readonly Event[], of: (event: Event) => bigint): number =>
  Number(events.reduce((all, event) => all + of(event), 0n));

describe("a trace as Parquet", () => {
  it("has a row for each event of a malloc trace, and its sums", async () => {
    await withTempDir(async (folder) => {
      const { events, summary } = await converted(folder, join(BUNDLED_TRACES, "sqlite_file.trace.zst"));
      expect(events).toHaveLength(89_745);
      expect(sum(events, (event) => event.requested_bytes)).toBe(summary.live.requestedBytes);
      expect(sum(events, (event) => event.live_change_bytes)).toBe(summary.live.liveBytesAtEnd);
    });
  });

  it("has the families of a kernel trace, its caches, sites and lifetimes", async () => {
    await withTempDir(async (folder) => {
      const { events, summary } = await converted(folder, join(BUNDLED_TRACES, "mid-6.12-hashedptr.trace.txt.zst"));
      if (summary.format !== "kernel") throw new Error(summary.format);
      for (const [family, live] of [
        ["objects", summary.objects],
        ["pages", summary.pages],
      ] as const) {
        const own = events.filter((event) => event.family === family);
        expect(sum(own, (event) => event.requested_bytes)).toBe(live.requestedBytes);
        expect(sum(own, (event) => event.live_change_bytes)).toBe(live.liveBytesAtEnd);
      }
      const free = events.find(({ op, lifetime_ns }) => op === "kmem_cache_free" && lifetime_ns !== null)!;
      const before = events.slice(0, events.indexOf(free));
      const alloc = before.findLast(({ block, requested_bytes }) => block === free.block && requested_bytes > 0n)!;
      expect([free.site, free.cache]).toEqual([alloc.site, alloc.cache]);
      expect(free.site).toMatch(/\+0x/);
      expect(free.lifetime_ns).toBe(free.time_ns! - alloc.time_ns!);
      expect(free.live_change_bytes).toBe(-alloc.requested_bytes);
    });
  });

  it("lies in a folder by its release and its name, beside others", async () => {
    await withTempDir(async (folder) => {
      const trace = join(folder, "a b.csv");
      writeFileSync(trace, "op,block,size\nmalloc,0,100\nrealloc,0,300\nfree,0,\n");
      const out = join(folder, "events");
      const args = ["convert", "--to", "parquet", "-o", out, trace];
      expect((await runCli([...args, "--release", "1/2"])).exitCode).toBe(0);
      expect((await runCli(args)).exitCode).toBe(0);
      expect(readdirSync(out).toSorted()).toEqual(["release=1%2F2", "release=unknown"]);
      const file = join(out, "release=1%2F2", "trace=a%20b.csv", "part-0.parquet");
      expect(existsSync(file)).toBe(true);
      const events = (await parquetReadObjects({ file: await asyncBufferFromFile(file) })) as unknown as Event[];
      expect(
        events.map(({ op, requested_bytes, live_change_bytes }) => [op, requested_bytes, live_change_bytes]),
      ).toEqual([
        ["malloc", 100n, 100n],
        ["realloc", 300n, 200n],
        ["free", 0n, -300n],
      ]);
      const piped = await runCli(["convert", "--to", "parquet", "-o", "-", trace]);
      expect([piped.exitCode, piped.stderr]).toEqual([2, expect.stringContaining("Parquet goes into a folder")]);
    });
  });

  it("names its place as Hive does", () => {
    expect(partitionOf("a=b", "c d")).toEqual(["release=a%3Db", "trace=c%20d"]);
  });
});
