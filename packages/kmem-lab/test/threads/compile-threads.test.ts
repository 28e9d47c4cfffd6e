import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { describe, expect, it, vi } from "vitest";
import { NATIVE_MISSING, NATIVE_NOTE } from "../../../kmem-cli/test/contenders/support.ts";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { compileThreads } from "../../src/threads/compile-threads.ts";

describe.skipIf(NATIVE_MISSING)(`the C program of the threads${NATIVE_NOTE}`, () => {
  it("is compiled once and kept, and says how it is called", async () => {
    await withTempDir(async (folder) => {
      const cache = join(folder, "cache");
      const program = await compileThreads(cache);
      const { mtimeMs } = statSync(program);
      expect(await compileThreads(cache)).toBe(program);
      expect(statSync(program).mtimeMs).toBe(mtimeMs);
      expect(readdirSync(cache)).toHaveLength(1);
      for (const args of [["run", "golf", "1", "1", "1", "1"], ["run", "local", "0", "1", "1", "1"], ["local"]]) {
        await expect(runProcess({ file: program, args })).rejects.toThrow("exit code 2: usage: threads probe");
      }
    });
  });
});

describe("a machine without a compiler", () => {
  it("is told so", async () => {
    await withTempDir(async (folder) => {
      vi.stubEnv("PATH", folder);
      await expect(compileThreads(join(folder, "cache"))).rejects.toThrow("cannot be compiled: there is no cc");
      vi.unstubAllEnvs();
    });
  });
});
