import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dumpHeap } from "kmem";
import { DebugHeap } from "kmem/debug";
import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/commands/program.ts";
import { withTempDir } from "../trace/support.ts";
import { captured, type RunResult } from "./support.ts";

const MIB = 2 ** 20;

function kmem(...args: readonly string[]): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", ...args]));
}

describe("freed blocks in quarantine", () => {
  /** 5 blocks, of which 3 are freed. */
  function freedIn(heap: DebugHeap): DebugHeap {
    const blocks = [100, 100, 40_000, 100, 40_000].map((size) => heap.alloc(size));
    for (const block of blocks.slice(0, 3)) heap.free(block);
    return heap;
  }
  const written = (directory: string, heap: DebugHeap): string => {
    const path = join(directory, "a.dump");
    writeFileSync(path, dumpHeap(heap));
    return path;
  };

  it("are told from live blocks by info and stat", async () => {
    await withTempDir(async (directory) => {
      const path = written(directory, freedIn(DebugHeap.create({ sizeBytes: MIB })));
      expect((await kmem("info", path)).stdout).toMatch(/^blocks +5 live, .* KiB; 3 of them freed, in quarantine$/m);
      expect(JSON.parse((await kmem("info", "--json", path)).stdout)).toMatchObject({ quarantinedBlocks: 3 });
      expect((await kmem("stat", path)).stdout).toMatch(/: 5 live blocks, .* KiB; 3 of them freed, in quarantine$/m);
      expect(JSON.parse((await kmem("stat", "--json", path)).stdout)).toMatchObject({ quarantinedCount: 3 });
    });
  });

  it("are not mentioned where there are none", async () => {
    await withTempDir(async (directory) => {
      const heap = freedIn(DebugHeap.create({ sizeBytes: MIB }));
      heap.trim();
      const path = written(directory, heap);
      expect((await kmem("info", path)).stdout).not.toContain("quarantine");
      expect((await kmem("stat", path)).stdout).not.toContain("quarantine");
    });
  });
});

describe("kmem stat of a dump", () => {
  it("has no line that is wider than what is no terminal", async () => {
    const heap = DebugHeap.create({ sizeBytes: MIB, stackDepth: 16 });
    const deep = (depth: number): number => (depth === 0 ? heap.alloc(100) : deep(depth - 1));
    deep(12);
    await withTempDir(async (directory) => {
      const path = join(directory, "a.dump");
      writeFileSync(path, dumpHeap(heap));
      const { stdout } = await kmem("stat", path);
      expect(stdout).toMatch(/^deep .*… +1 +100 B$/m);
      const widest = Math.max(
        ...stdout
          .split("\n")
          .slice(1)
          .map((line) => line.length),
      );
      expect(widest).toBeLessThanOrEqual(120);
      const { sites } = JSON.parse((await kmem("stat", "--json", path)).stdout) as { sites: { name: string }[] };
      expect(sites[0]?.name).toMatch(/^deep .* < deep /);
    });
  });
});
