import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Heap } from "kmem";
import { serveHeap } from "kmem-inspector/serve";
import { expect, it } from "vitest";
import { type RunResult, runInProcess } from "./support.ts";

const TOKEN = "0".repeat(32);

function runTop(...args: readonly string[]): Promise<RunResult> {
  return runInProcess(["top", ...args], { contenders: [] });
}

/** Runs `kmem top --live` on a server that answers everything in one way. */
async function topOf(status: number, headers: Record<string, string>, body: Uint8Array | string): Promise<RunResult> {
  const server = createServer((_request, response) => response.writeHead(status, headers).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await runTop("--live", `http://127.0.0.1:${(server.address() as AddressInfo).port}/${TOKEN}/`);
  } finally {
    server.close();
  }
}

it("shows what is live in a running heap, as its own figures have it", async () => {
  const heap = Heap.create({ sizeBytes: 2 ** 22, slotCount: 4 });
  const sessions = heap.createCache({ name: "session", sizeBytes: 320 });
  const gone = heap.createCache({ name: "gone", sizeBytes: 64 });
  gone.free(gone.alloc());
  for (let count = 0; count < 30; count++) sessions.alloc();
  for (let count = 0; count < 5; count++) heap.alloc(1000);
  heap.alloc(100_000);
  await using server = await serveHeap(heap);
  const { exitCode, stdout, stderr } = await runTop("--live", server.url);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("Live Objects                : 36\n");
  expect(stdout).toContain("Slots                       : 1 of 4\n");
  expect(stdout).toMatch(/^ +30 +320 B +9\.38 KiB +9\.38 KiB +\d+ +[\d.]+ % session$/m);
  expect(stdout).toMatch(/^ +5 +[\d.]+ KiB +.* kmalloc-1k$|^ +5 .* kmalloc-1024$/m);
  expect(stdout).not.toContain("gone");
  const rows = (await runTop("--live", server.url, "-s", "live", "-l", "1")).stdout.split("\n").slice(-2);
  expect(rows).toEqual([expect.stringMatching(/ session$/), ""]);
});

it.each([
  [[], "name a trace"],
  [["a.trace", "--live", `http://127.0.0.1:1/${TOKEN}/`], "name a trace"],
  [["--live", "http://10.0.0.1:80/token/"], "an address of this machine"],
  [["--live", `http://127.0.0.1:1/${TOKEN}/`, "-s", "hits"], "cannot be sorted by hits"],
  [["--live", `http://127.0.0.1:1/${TOKEN}/`, "--speed", "1"], "are for traces"],
])("refuses a command line that makes no sense: %j", async (args, reason) => {
  const { exitCode, stderr } = await runTop(...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(reason)]);
});

it.each([
  ["that is no heap", 200, {}, "no dump", "NOT_A_HEAP|no kmem dump|not a"],
  ["that leads elsewhere", 302, { location: "http://example.com/" }, "", "nobody answers there"],
  ["whose heap is gone", 410, {}, "", "no heap is served there"],
  ["that sends more than a dump", 200, {}, new Uint8Array(2 ** 20), "."],
])("says what is wrong with an address %s", async (_what, status, headers, body, reason) => {
  const { exitCode, stdout, stderr } = await topOf(status, headers, body);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(new RegExp(reason));
});
