import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { knownContenders } from "../src/contenders/known-contenders.ts";
import { runProcess } from "../src/system/run-process.ts";
import { runScript } from "./commands/support.ts";
import { NATIVE_MISSING } from "./contenders/support.ts";
import { installedFolder } from "./installation.ts";
import { mallocEvent, mallocTrace } from "./trace/malloc-trace-bytes.ts";

/** Makes a heap with a leak, by the installed library, and dumps it. */
const DUMP_SCRIPT = `
import { writeFileSync } from "node:fs";
import { dumpHeap } from "kmem";
import { DebugHeap } from "kmem/debug";
const heap = DebugHeap.create({ sizeBytes: 2 ** 22, debug: "FZPU", traceEvents: 64 });
heap.free(heap.alloc(100));
heap.alloc(1000);
writeFileSync("heap.dump", dumpHeap(heap));
`;

let folder: string;
let trace: string;
let dump: string;

function kmem(...args: string[]) {
  return runScript(join(folder, "node_modules", "kmem-cli", "bin", "kmem.js"), args);
}

beforeAll(async () => {
  folder = await installedFolder("kmem-installed-");
  trace = join(folder, "small.trace");
  writeFileSync(trace, mallocTrace([mallocEvent(0, 1, 100), mallocEvent(1, 1, 0)]));
  dump = join(folder, "heap.dump");
  const script = join(folder, "dump.mjs");
  writeFileSync(script, DUMP_SCRIPT.replace('"heap.dump"', JSON.stringify(dump)));
  await runProcess({ file: process.execPath, args: [script] });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the command, installed from its tarball", () => {
  it("replays on every allocator that it names, or says what this machine lacks", async () => {
    const { exitCode, stdout, stderr } = await kmem("replay", "-a", "all", "--runs", "0", trace);
    expect([exitCode, stderr]).toEqual([0, ""]);
    const end = stdout.indexOf("\n\n");
    const [list, table] = [stdout.slice(0, end), stdout.slice(end)];
    for (const { name, isNative } of knownContenders()) {
      const [, entry = ""] = new RegExp(`^ {2}${name} +(.+)$`, "m").exec(list) ?? [];
      if (entry.startsWith("not here: ")) {
        const isMissing = /there is no (clang|emcc|cc)$|cannot be compiled to WebAssembly|^not here: no lib|not glibc$/;
        expect(entry).toMatch(isNative && NATIVE_MISSING !== undefined ? /./ : isMissing);
      } else {
        expect(table).toMatch(new RegExp(`^ {2}${name} +2 `, "m"));
      }
    }
    for (const name of ["kmem", "kmem-unchecked", "kmem-fzpu", "uint8array", "bucket", "cluster"]) {
      expect(table).toMatch(new RegExp(`^ {2}${name} +2 `, "m"));
    }
  });

  it("times, and verifies blocks", async () => {
    const { exitCode, stdout } = await kmem("replay", "-a", "kmem", "--check", "--runs", "1", trace);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^small +kmem +2 +1 +none$/m);
  });

  it.each([
    [["info"], /MiB/],
    [["check"], /: sound$/m],
    [["leaks"], /1000|1,000/],
    [["proc", "slabinfo"], /^slabinfo - version: 2\.1/],
    [["proc", "slabtop"], /Active/],
    [["proc", "buddyinfo"], /^Node 0/],
    [["proc", "vmallocinfo"], /^/],
    [["proc", "meminfo"], /MemTotal/],
    [["trace"], /kmalloc/],
  ])("reads a dump: %j", async (args, output) => {
    const { exitCode, stdout, stderr } = await kmem(...args, dump);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(output);
  });

  it("has help for every command, and none that measures the repository", async () => {
    const { stdout } = await kmem("--help");
    const [, commands = ""] = stdout.split("\nCommands:\n");
    const names = [...commands.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name!);
    expect(names.join(" ")).toBe(
      "replay compare run check convert diff info inspect leaks proc record stat top trace help",
    );
    const helps = await Promise.all(names.slice(0, -1).map((name) => kmem(name, "--help")));
    for (const { exitCode } of helps) expect(exitCode).toBe(0);
  });
});
