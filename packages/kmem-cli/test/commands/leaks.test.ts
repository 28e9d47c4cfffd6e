import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dumpHeap, Heap } from "kmem";
import { DebugHeap } from "kmem/debug";
import { expect, it } from "vitest";
import { withTempDir } from "../trace/support.ts";
import { runCli } from "./support.ts";

const MIB = 2 ** 20;

function forget(heap: DebugHeap, count: number, sizeBytes: number): void {
  for (let block = 0; block < count; block++) heap.alloc(sizeBytes);
}

function rememberLittle(heap: DebugHeap): void {
  heap.alloc(8);
}

function dumpOfLeaks(): Uint8Array {
  const heap = DebugHeap.create({ sizeBytes: 2 * MIB });
  forget(heap, 3, 100);
  rememberLittle(heap);
  return dumpHeap(heap);
}

it("lists live blocks by who allocated them, those with the most bytes first", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "heap.dump");
    writeFileSync(path, dumpOfLeaks());
    const { stdout, exitCode } = await runCli(["leaks", path]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Top 2 stacks with outstanding allocations:\n\t300 bytes in 3 allocations from stack\n/);
    expect(stdout).toMatch(/\tage=\d+\/\d+ ms slots=0 caches=kmalloc-112\n\t\tat forget /);
    expect(stdout.indexOf("at forget")).toBeLessThan(stdout.indexOf("at rememberLittle"));
    const json = JSON.parse((await runCli(["leaks", path, "--json", "--top", "1"])).stdout);
    expect(json).toMatchObject({ schema: "kmem-leaks", version: 1 });
    expect(json.sites).toMatchObject([{ blocks: 3, bytes: 300, caches: ["kmalloc-112"], slots: [0] }]);
    expect(json.sites[0].addresses).toHaveLength(3);
  });
});

it.each([
  ["heap.folded", /;forget 300\n/],
  ["heap.heapprofile", /"functionName":\s*"forget"/],
  ["heap.speedscope.json", /"forget/],
])("writes %s for a viewer", async (name, content) => {
  await withTempDir(async (directory) => {
    const path = join(directory, "heap.dump");
    const out = join(directory, name);
    writeFileSync(path, dumpOfLeaks());
    expect((await runCli(["leaks", path, "--profile", out])).exitCode).toBe(0);
    expect(readFileSync(out, "utf8")).toMatch(content);
  });
});

it("refuses a heap that is not debugged, and a name that says no format", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "heap.dump");
    writeFileSync(path, dumpHeap(Heap.create({ sizeBytes: MIB })));
    expect(await runCli(["leaks", path])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("is not debugged"),
    });
    writeFileSync(path, dumpOfLeaks());
    const out = join(directory, "heap.txt");
    const refused = await runCli(["leaks", path, "--profile", out]);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(".speedscope.json or .folded") });
    expect(existsSync(out)).toBe(false);
  });
});

it("kmem check looks around the blocks of a debugged heap", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "heap.dump");
    const heap = DebugHeap.create({ sizeBytes: 2 * MIB });
    const address = heap.alloc(20);
    new Uint8Array(heap.buffer)[address + 20] = 1;
    writeFileSync(path, dumpHeap(heap));
    const { stdout, exitCode } = await runCli(["check", path]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("kmalloc Redzone overwritten");
  });
});
