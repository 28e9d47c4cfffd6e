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
