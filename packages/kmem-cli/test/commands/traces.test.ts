import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { dumpHeap, Heap } from "kmem";
import { DebugHeap } from "kmem/debug";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUNDLED_TRACES } from "../trace/support.ts";
import { type RunResult, runInProcess } from "./support.ts";

const runCli = (args: readonly string[]): Promise<RunResult> => runInProcess(args, { contenders: [] });

const HEAPTRACK = join(import.meta.dirname, "..", "forms", "samples", "heaptrack.zst");
const MTRACE = join(import.meta.dirname, "..", "forms", "samples", "mtrace.txt");
const KERNEL = join(BUNDLED_TRACES, "mid-6.12-hashedptr.trace.txt.zst");

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kmem-traces-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function stat(path: string, ...args: string[]) {
  const { exitCode, stdout, stderr } = await runCli(["stat", "--json", ...args, path]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("kmem convert", () => {
  it.each([
    [HEAPTRACK, ["kmem", "ftrace", "csv", "perfetto"]],
    [KERNEL, ["kmem", "ftrace"]],
  ])("keeps the totals of %s, in every form that has events", async (path, forms) => {
    const before = await stat(path);
    for (const to of forms) {
      const out = at(`out.${to}`);
      const { exitCode, stdout } = await runCli(["convert", path, "--to", to, "-o", out]);
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(out) });
      const after = await stat(out);
      expect(after.trace.live).toEqual(before.trace.live);
      expect(after.objects.total).toEqual(before.objects.total);
      expect(after.pages.total).toEqual(before.pages.total);
      if (to === "kmem") expect(after.objects).toEqual(before.objects);
    }
  });

  it("writes profiles that viewers read", async () => {
    const { exitCode } = await runCli(["convert", HEAPTRACK, "--to", "pprof", "-o", at("a.pb.gz")]);
    expect(exitCode).toBe(0);
    expect(gunzipSync(readFileSync(at("a.pb.gz"))).includes("make")).toBe(true);
    await runCli(["convert", HEAPTRACK, "--to", "speedscope", "-o", at("a.speedscope.json")]);
    expect(JSON.parse(readFileSync(at("a.speedscope.json"), "utf8"))).toMatchObject({
      $schema: expect.stringContaining("speedscope"),
    });
  });

  it("refuses to overwrite the trace, and an unknown form", async () => {
    expect((await runCli(["convert", MTRACE, "-o", MTRACE])).exitCode).toBe(2);
    expect((await runCli(["convert", MTRACE, "--format", "nothing"])).stderr).toContain("mtrace (a log of glibc");
  });
});

describe("kmem stat", () => {
  it("has perf kmem's tables and words, and heaptrack's", async () => {
    const { stdout } = await runCli(["stat", KERNEL, "-l", "3", "-s", "hit"]);
    expect(stdout).toContain("| Total_alloc/Per | Total_req/Per   | Hit      | Ping-pong | Frag");
    expect(stdout).toContain("SUMMARY (SLAB allocator)");
    expect(stdout).toContain("SUMMARY (page allocator)");
    expect(stdout).toMatch(/temporary memory allocations: [\d,]+ \(\d+\.\d %\)/);
    const live = (await runCli(["stat", KERNEL, "--page", "--live"])).stdout;
    expect(live).toContain("Live alloc (KB)");
    expect(live).not.toContain("SLAB");
  });

  it("names the form that it took a trace for, and takes another when told", async () => {
    expect((await runCli(["stat", MTRACE])).stdout).toContain("a log of glibc's mtrace");
    const other = await runCli(["stat", "--format", "heaptrack", MTRACE]);
    expect(other.stderr).toContain("it holds no operations, taken for a file of heaptrack");
    expect(other.exitCode).toBe(1);
  });

  it("counts by block", async () => {
    const report = await stat(HEAPTRACK, "--alloc");
    expect(report).toMatchObject({ schema: "kmem-stat", version: 1, clock: "events" });
    expect(report.objects.blocks.length).toBe(report.trace.slotCount);
  });
});

describe("kmem stat and diff of dumps", () => {
  it("say what is live, and what grew, by site, cache and slot", async () => {
    const heap = DebugHeap.create({ sizeBytes: 2 ** 22, stackDepth: 8 }) as DebugHeap;
    const cache = heap.createCache({ name: "parts", sizeBytes: 48 });
    cache.alloc();
    writeFileSync(at("before.dump"), dumpHeap(heap));
    for (let count = 0; count < 3; count += 1) cache.alloc();
    writeFileSync(at("after.dump"), dumpHeap(heap));
    const report = await stat(at("after.dump"));
    expect(report).toMatchObject({ schema: "kmem-dump-stat", version: 1, liveCount: 4 });
    expect(report.caches.map(({ name, liveCount }: { name: string; liveCount: number }) => [name, liveCount])).toEqual([
      ["parts", 4],
    ]);
    const { stdout } = await runCli(["diff", "--json", at("before.dump"), at("after.dump")]);
    const diff = JSON.parse(stdout);
    expect(diff).toMatchObject({ schema: "kmem-diff", version: 1, total: { deltaCount: 3 } });
    expect(diff.caches).toMatchObject([{ name: "parts", deltaCount: 3 }]);
    expect(diff.slots).toMatchObject([{ name: "slot 0", deltaCount: 3 }]);
    expect(diff.sites.length).toBeGreaterThan(0);
    const text = (await runCli(["diff", at("before.dump"), at("after.dump")])).stdout;
    expect(text).toContain("by cache");
    const leaks = await runCli(["leaks", at("after.dump"), "--error-exitcode", "9"]);
    expect(leaks.exitCode).toBe(9);
    expect((await runCli(["check", at("after.dump"), "--error-exitcode", "9"])).exitCode).toBe(0);
  });

  it("take a plain heap, and a trace beside a dump", async () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 }) as Heap;
    heap.alloc(100);
    writeFileSync(at("plain.dump"), dumpHeap(heap));
    expect((await stat(at("plain.dump"))).sites).toEqual([]);
    expect((await runCli(["diff", at("plain.dump"), MTRACE])).exitCode).toBe(0);
  });
});
