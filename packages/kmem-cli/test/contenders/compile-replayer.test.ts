import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it, vi } from "vitest";
import { compileReplayer } from "../../src/contenders/compile-replayer.ts";
import { runProcess } from "../../src/system/run-process.ts";
import { withTempDir } from "../trace/support.ts";
import { NATIVE_MISSING, NATIVE_NOTE } from "./support.ts";

describe.skipIf(NATIVE_MISSING)(`the C program${NATIVE_NOTE}`, () => {
  it("is compiled once and kept", async () => {
    await withTempDir(async (folder) => {
      const cache = join(folder, "cache");
      const program = await compileReplayer(cache);
      const { mtimeMs } = statSync(program);
      expect(await compileReplayer(cache)).toBe(program);
      expect(statSync(program).mtimeMs).toBe(mtimeMs);
      expect(readdirSync(cache)).toHaveLength(1);
      expect((await runProcess({ file: program, args: ["probe"] })).trim()).toMatch(/libc/);
    });
  });

  it("is not put where others can write", async () => {
    await withTempDir(async (folder) => {
      const cache = join(folder, "cache");
      mkdirSync(cache);
      chmodSync(cache, 0o777);
      await expect(compileReplayer(cache)).rejects.toThrow("is not a folder that only this user can write to");
    });
  });

  it("says how it is called", async () => {
    await withTempDir(async (folder) => {
      const program = await compileReplayer(join(folder, "cache"));
      await expect(runProcess({ file: program, args: ["dance"] })).rejects.toThrow("exit code 2: usage: replay probe");
      const noFile = runProcess({ file: program, args: ["account", join(folder, "none")] });
      await expect(noFile).rejects.toThrow(/none: No such file/);
    });
  });
});

describe("a machine without a compiler", () => {
  it("is told so", async () => {
    await withTempDir(async (folder) => {
      const path = process.env["PATH"];
      vi.stubEnv("PATH", folder);
      await expect(compileReplayer(join(folder, "cache"))).rejects.toThrow("cannot be compiled: there is no cc");
      vi.unstubAllEnvs();
      expect(process.env["PATH"]).toBe(path);
    });
  });
});
