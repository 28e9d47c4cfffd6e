import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dumpHeap, Heap } from "kmem";
import { serveHeap } from "kmem-inspector/serve";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunResult, runInProcess } from "./support.ts";

let folder: string;

function runInspect(...args: readonly string[]): Promise<RunResult> {
  return runInProcess(["inspect", "--no-browser", ...args], { contenders: [] });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kmem-inspect-"));
  writeFileSync(join(folder, "heap.dump"), dumpHeap(Heap.create({ sizeBytes: 2 ** 20 })));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ["a", "b", "c"],
  ["--port", "65536"],
  ["--port", "-1"],
  ["--live", "https://example.com/"],
  ["--live", "http://10.0.0.1:80/token/"],
  ["--live", "http://127.0.0.1:80"],
])("refuses a command line that makes no sense: %s %s", async (...args) => {
  const { exitCode, stderr } = await runInspect(...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("error:")]);
});

it("says which file it cannot open, and that nobody answers", async () => {
  const missing = await runInspect(join(folder, "none.dump"));
  expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining("none.dump: ")]);
  const heap = await serveHeap(Heap.create({ sizeBytes: 2 ** 20 }));
  const { url } = heap;
  const found = await runInspect("--live", url);
  expect([found.exitCode, found.stdout.trim()]).toEqual([0, url]);
  const wrong = url.replace(/[0-9a-f]{32}/, "0".repeat(32));
  expect((await runInspect("--live", wrong)).stderr).toContain("no heap is served there (403)");
  await heap.close();
  expect((await runInspect("--live", url)).stderr).toContain("nobody answers there");
});
