import { execFileSync, spawn } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createZstdCompress, gzipSync, zstdCompressSync } from "node:zlib";
import { checkDump, dumpHeap, Heap } from "kmem";
import { DebugHeap } from "kmem/debug";
import { describe, expect, it } from "vitest";
import { layersOf } from "../../../kmem/src/heap/access.ts";
import { withTempDir } from "../trace/support.ts";
import { runCli } from "./support.ts";

const MIB = 2 ** 20;
const CLI = fileURLToPath(new URL("../../src/commands/cli.ts", import.meta.url));

/** A dump of a debugged heap whose stacks name any place. */
function dumpOfStacks(place: string): Uint8Array {
  const heap = DebugHeap.create({ sizeBytes: MIB });
  const prepare = Error.prepareStackTrace;
  Error.prepareStackTrace = () => `Error\n    at f (${place}:1:1)\n    at g (${place}:2:2)`;
  for (let count = 0; count < 5; count++) heap.alloc(100);
  Error.prepareStackTrace = prepare;
  return dumpHeap(heap);
}

/** A dump of which the words of a record of a cache are others. */
function dumpWithRecord(words: Readonly<Record<number, number>>): Uint8Array {
  const heap = Heap.create({ sizeBytes: MIB });
  for (let count = 0; count < 300; count++) heap.alloc(16 + count);
  const { caches } = layersOf(heap);
  const kind = [...caches.kinds()].find((one) => caches.name(one) === "kmalloc-64") ?? 0;
  const dump = dumpHeap(heap);
  const view = new DataView(dump.buffer);
  const pagesAt = 20 + view.getUint32(16, true) * 8;
  for (const [word, value] of Object.entries(words)) {
    view.setUint32(pagesAt + (caches.record(kind) + Number(word)) * 4, value, true);
  }
  return dump;
}

function mkfifo(folder: string): string {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  return path;
}

/** A source map that says that line 1 of a file is line 3 of `secret.ts`. */
const MAP = JSON.stringify({ version: 3, sources: ["secret.ts"], names: [], mappings: "AAEI" });

describe("kmem leaks opens no file that it need not", () => {
  it.each([
    ["a pipe", mkfifo],
    ["a device without an end", () => "/dev/zero"],
    ["a folder", (folder: string) => folder],
    ["what is no file of this machine", () => "file://elsewhere/a.js"],
  ])("%s", async (_, pathIn) => {
    await withTempDir(async (folder) => {
      const dump = join(folder, "heap.dump");
      const path = pathIn(folder);
      writeFileSync(dump, dumpOfStacks(path));
      const { exitCode, stdout } = await runCli(["leaks", "--sources", "/", dump]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`at f (${path}:1:1)`);
    });
  });

  it("outside of the folder of sources, by a link neither, and inside it does", async () => {
    await withTempDir(async (folder) => {
      const [inside, outside] = [join(folder, "inside"), join(folder, "outside")];
      for (const one of [inside, outside]) {
        mkdirSync(one);
        writeFileSync(join(one, "a.js"), "f();\n//# sourceMappingURL=a.js.map\n");
        writeFileSync(join(one, "a.js.map"), MAP);
      }
      symlinkSync(join(outside, "a.js"), join(inside, "link.js"));
      // A link to a map outside is no way out either.
      writeFileSync(join(inside, "b.js"), "f();\n//# sourceMappingURL=../outside/a.js.map\n");
      const dump = join(folder, "heap.dump");
      const shown = async (path: string): Promise<string> => {
        writeFileSync(dump, dumpOfStacks(path));
        return (await runCli(["leaks", "--sources", inside, dump])).stdout;
      };
      expect(await shown(join(inside, "a.js"))).toContain("secret.ts:3:5");
      for (const path of [join(outside, "a.js"), join(inside, "link.js"), join(inside, "b.js")]) {
        expect(await shown(path)).not.toContain("secret.ts");
      }
    });
  });
});

describe("a dump", () => {
  it("whose record says how many blocks a slab has is bounded by what a slab holds", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "heap.dump");
      for (const blocks of [0x7fff_ffff, 0xffff_ffff, 0]) {
        writeFileSync(path, dumpWithRecord({ 4: blocks }));
        const { exitCode, stdout } = await runCli(["info", "--json", path]);
        expect(exitCode).toBe(0);
        const { stats } = JSON.parse(stdout) as { stats: { liveBlocks: number; caches: { liveBlocks: number }[] } };
        expect(stats.liveBlocks).toBeLessThan(MIB / 16);
        for (const { liveBlocks } of stats.caches) expect(liveBlocks).toBeGreaterThanOrEqual(0);
      }
    });
  });

  it("does nothing to the terminal, whatever its names are", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "heap\u001b[31m.dump");
      // Escape, a line feed, CSI of eight bits; the file's own name has one too.
      writeFileSync(path, dumpWithRecord({ 12: 0x5d1b_0a9b, 13: 0x6161_070a }));
      for (const args of [["info"], ["check"], ["check", "--json"], ["proc", "slabinfo"], ["proc", "slabtop"]]) {
        const { stdout, stderr } = await runCli([...args, path]);
        expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u);
        expect(stdout + stderr).not.toMatch(/\naa/);
      }
    });
  });

  it("that is packed is refused by its first bytes", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "bomb.zst");
      const packer = createZstdCompress();
      const out = createWriteStream(path);
      packer.pipe(out);
      const zeros = Buffer.alloc(16 * MIB);
      for (let count = 0; count < 64; count++) {
        if (!packer.write(zeros)) await new Promise((resolve) => packer.once("drain", resolve));
      }
      packer.end();
      await new Promise((resolve) => out.once("close", resolve));
      const { exitCode, stderr } = await runCli(["info", path]);
      expect([exitCode, stderr]).toEqual([1, `kmem: ${path}: not a dump: it starts with 0x00000000\n`]);
    });
  });

  it.each([
    ["goes on behind its end", (dump: Uint8Array) => Buffer.concat([dump, Buffer.alloc(MIB)])],
    ["ends too early", (dump: Uint8Array) => dump.subarray(0, dump.length - 100)],
    ["is a few bytes", (dump: Uint8Array) => dump.subarray(0, 11)],
  ])("that %s is refused, packed or not", async (_, change) => {
    await withTempDir(async (folder) => {
      const bytes = change(dumpHeap(Heap.create({ sizeBytes: MIB })));
      const path = join(folder, "heap.dump");
      for (const packed of [bytes, gzipSync(bytes), zstdCompressSync(bytes)]) {
        writeFileSync(path, packed);
        const { exitCode, stderr } = await runCli(["info", path]);
        expect(exitCode).toBe(1);
        expect(stderr).toMatch(/trailing bytes/);
      }
    });
  });

  it("is read from a pipe", async () => {
    await withTempDir(async (folder) => {
      const pipe = mkfifo(folder);
      const running = runCli(["check", pipe]);
      createWriteStream(pipe).end(gzipSync(dumpHeap(Heap.create({ sizeBytes: MIB }))));
      expect(await running).toMatchObject({ exitCode: 0, stdout: `${pipe}: sound\n` });
    });
  });
});

describe("kmem check --repair", () => {
  it("never writes over its dump, by another name neither", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "heap.dump");
      const dump = dumpWithRecord({ 4: 1 });
      writeFileSync(path, dump);
      linkSync(path, join(folder, "hard"));
      symlinkSync(path, join(folder, "soft"));
      for (const out of [path, join(folder, "hard"), join(folder, "soft"), join(folder, ".", "heap.dump")]) {
        const { exitCode, stdout, stderr } = await runCli(["check", "--repair", out, path]);
        expect([exitCode, stdout]).toEqual([2, ""]);
        expect(stderr).toMatch(/^error: --repair needs another file than the dump's/);
      }
      expect(readFileSync(path).equals(dump)).toBe(true);
    });
  });

  it("leaves what was there where it cannot write, and nothing besides", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "heap.dump");
      writeFileSync(path, dumpWithRecord({ 4: 1 }));
      const { exitCode, stderr } = await runCli(["check", "--repair", join(folder, "no", "out"), path]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("no such file or directory");
      const out = join(folder, "out.dump.zst");
      symlinkSync(join(folder, "target.zst"), out);
      writeFileSync(out, "old");
      expect((await runCli(["check", "--repair", out, path])).exitCode).toBe(0);
      expect(readdirSync(folder).sort()).toEqual(["heap.dump", "out.dump.zst", "target.zst"]);
      const again = await runCli(["check", join(folder, "target.zst")]);
      expect(again).toMatchObject({ exitCode: 0 });
    });
  });

  it("writes into what is no file as it stands", async () => {
    await withTempDir(async (folder) => {
      const path = join(folder, "heap.dump");
      writeFileSync(path, dumpWithRecord({ 4: 1 }));
      expect((await runCli(["check", "--repair", "/dev/null", path])).exitCode).toBe(0);
      expect(existsSync("/dev/null")).toBe(true);
      expect(checkDump(readFileSync(path)).isClean).toBe(false);
    });
  });
});

describe("a pipe that nobody writes to", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("ends at %s", async (signal, code) => {
    await withTempDir(async (folder) => {
      const child = spawn(process.execPath, [CLI, "replay", "--no-native", "--runs", "0", mkfifo(folder)]);
      // Once the allocators have been said it is the trace's turn.
      child.stdout.once("data", () => setImmediate(() => child.kill(signal)));
      // Before the command listens for signals the system ends it, which a shell tells by the same code.
      const ended = new Promise((resolve) => child.once("exit", (own, by) => resolve(own ?? by)));
      expect([code, signal]).toContain(await ended);
    });
  });
});

describe("usage errors come before any output, with exit code 2", () => {
  it.each([
    [["replay", "-", "-"], "Standard input can be read once only."],
    [["leaks", "--profile", "a.png", "heap.dump"], "It ends with .heapprofile"],
    [["leaks", "--top", "0", "heap.dump"], "It is a whole number from 1."],
    [["proc", "slabtop", "-s", "z", "heap.dump"], "Allowed choices"],
    [["check", "a", "b"], "too many arguments"],
  ])("kmem %j", async (args, message) => {
    const { exitCode, stdout, stderr } = await runCli(args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

describe("a file that is missing is said at once", () => {
  it("by kmem replay, which goes on with the others", async () => {
    await withTempDir(async (folder) => {
      const [first, missing] = [join(folder, "a.txt"), join(folder, "missing")];
      writeFileSync(first, "nothing\n");
      const { exitCode, stderr } = await runCli(["replay", "--no-native", "--runs", "0", first, missing]);
      expect(exitCode).toBe(1);
      expect(stderr.split("\n")[0]).toBe(`kmem: ${missing}: no such file or directory`);
    });
  });
});
