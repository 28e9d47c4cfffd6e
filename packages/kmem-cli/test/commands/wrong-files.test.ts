import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { dumpHeap } from "kmem";
import { DebugHeap } from "kmem/debug";
import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/commands/program.ts";
import { withTempDir } from "../trace/support.ts";
import { captured, type RunResult } from "./support.ts";

const MIB = 2 ** 20;
const MTRACE = "= Start\n@ ./a:[0x401136] + 0x1000 0x10\n@ ./a:[0x401140] - 0x1000\n= End\n";

function kmem(...args: readonly string[]): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", ...args]));
}

/** A file of a folder that is gone afterwards. */
function withFile(name: string, content: string | Uint8Array, work: (path: string) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    await work(path);
  });
}

function refused({ exitCode, stdout, stderr }: RunResult, path: string): string {
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  return stderr.replaceAll(path, "FILE");
}

const DUMP_READERS: readonly (readonly string[])[] = [
  ["leaks"],
  ["info"],
  ["check"],
  ["trace"],
  ["proc", "slabinfo"],
  ["proc", "meminfo"],
];

describe("what reads dumps", () => {
  it.each(DUMP_READERS)("says of a trace what it is: %s %s", async (...command) => {
    await withFile("a.log", MTRACE, async (path) => {
      expect(refused(await kmem(...command, path), path)).toBe(
        "kmem: FILE: it is no dump of a heap but a log of glibc's mtrace: kmem stat, top, replay and convert read it\n",
      );
    });
  });

  it("says of kmem's own traces what they are, packed ones too", async () => {
    await withFile("a.log", MTRACE, async (path) => {
      const [trace, packed] = [`${path}.kmt`, `${path}.zst`];
      expect((await kmem("convert", path, "-o", trace)).exitCode).toBe(0);
      expect((await kmem("leaks", trace)).stderr).toContain("but a trace in kmem's own format: kmem stat");
      writeFileSync(packed, zstdCompressSync(Buffer.from(MTRACE)));
      expect((await kmem("leaks", packed)).stderr).toContain("but a log of glibc's mtrace");
    });
  });

  it("says of other text that it is no dump, and of an empty file that it is empty", async () => {
    await withFile("a.txt", "any text at all\n".repeat(9), async (path) => {
      expect(refused(await kmem("leaks", path), path)).toMatch(/^kmem: FILE: not a dump: it starts with 0x/);
    });
    for (const command of DUMP_READERS) {
      await withFile("a.dump", "", async (path) => {
        expect(refused(await kmem(...command, path), path)).toBe("kmem: FILE: it is empty\n");
      });
    }
  });
});

describe("what reads traces", () => {
  it.each([["top", "--once"], ["convert"]])("says of a dump what it is: %s", async (...command) => {
    await withFile("a.dump", dumpHeap(DebugHeap.create({ sizeBytes: MIB })), async (path) => {
      for (const content of [path, `${path}.zst`]) {
        const stderr = (await kmem(...command, content)).stderr;
        expect(stderr.replaceAll(content, "FILE")).toMatch(
          /^kmem: FILE: it is no trace but a dump of a heap: kmem stat, info, leaks, check and inspect read it/,
        );
        writeFileSync(`${path}.zst`, zstdCompressSync(dumpHeap(DebugHeap.create({ sizeBytes: MIB }))));
      }
    });
  });

  it.each([["stat"], ["stat", "--json"], ["top", "--once"]])(
    "refuses what holds no event: %s %s",
    async (...command) => {
      await withFile("package.json", '{\n  "name": "app",\n  "private": true\n}\n', async (path) => {
        expect(refused(await kmem(...command, path), path)).toMatch(/^kmem: FILE: it holds no operations, taken for /);
      });
    },
  );

  it("writes no conversion of what holds no event", async () => {
    await withFile("package.json", '{\n  "name": "app",\n  "private": true\n}\n', async (path) => {
      const out = `${path}.kmt`;
      expect(refused(await kmem("convert", path, "-o", out), path)).toContain("it holds no operations");
      expect(existsSync(out)).toBe(false);
    });
  });
});

describe("kmem run", () => {
  it.each([["memcheck"], ["memcheck,undefined"], ["FZ"]])("takes --check %s for a slip", async (word) => {
    const { exitCode, stderr } = await kmem("run", "--check", word, "app.wasm");
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`kmem: ${word}: no such file or directory (did you mean --check=${word}?)\n`);
  });

  it("says nothing of it where the word could be a program only", async () => {
    for (const args of [["--check", "app.wasm"], ["--check=FZ", "memcheck"], ["memcheck"]]) {
      expect((await kmem("run", ...args)).stderr).not.toContain("did you mean");
    }
  });
});

describe("kmem leaks --slot", () => {
  it("refuses a slot beyond the heap's", async () => {
    const heap = DebugHeap.create({ sizeBytes: MIB, slotCount: 8 });
    heap.alloc(10);
    await withFile("a.dump", dumpHeap(heap), async (path) => {
      expect((await kmem("leaks", "--slot", "7", path)).exitCode).toBe(0);
      expect(await kmem("leaks", "--slot", "8", path)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining("there is no slot 8: the heap in the dump has 8, from 0 on"),
      });
    });
  });
});
