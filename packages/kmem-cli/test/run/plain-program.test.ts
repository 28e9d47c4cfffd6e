import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/commands/program.ts";
import { captured, type RunResult, runCli } from "../commands/support.ts";
import { withTempDir } from "../trace/support.ts";
import { compileProgram, describeCompiled } from "./compile.ts";

const NOTHING = "kmem: the program has no allocator: nothing is checked";
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const EMPTY_TYPE = [1, 4, 1, 0x60, 0, 0];
const MEMORY = [5, 3, 1, 0, 1];
const text = (word: string): number[] => [word.length, ...Buffer.from(word)];
const section = (id: number, bytes: readonly number[]): number[] => [id, bytes.length, ...bytes];
const imported = (...names: string[]): number[] =>
  section(2, [names.length, ...names.flatMap((name) => [...text("env"), ...text(name), 0, 0])]);
const exportedMemory = section(7, [1, ...text("memory"), 2, 0]);

function run(...args: readonly string[]): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", "run", ...args]));
}

describeCompiled("kmem run of a program without an allocator", () => {
  it("runs it: its output and its exit code", async () => {
    for (const flags of [[], ["-Wl,--strip-all"]]) {
      const program = await compileProgram("plain", ...flags);
      expect(await runCli(["run", program])).toEqual({ exitCode: 3, stdout: "plain\n", stderr: "" });
    }
  });

  it("says once that nothing is checked where that was asked for", async () => {
    const program = await compileProgram("plain");
    for (const flags of [["--leaks"], ["--check"], ["--check=memcheck", "--leaks"], ["--stats"], ["--fail-nth", "1"]]) {
      const { exitCode, stderr } = await run(...flags, program);
      expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: `${NOTHING}\n` });
    }
  });

  it("says which files are not written", async () => {
    const program = await compileProgram("plain");
    await withTempDir(async (directory) => {
      const [trace, dump] = [join(directory, "a.kmt"), join(directory, "a.dump")];
      const { exitCode, stderr } = await run("--record", trace, "--dump", dump, program);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 3,
        stderr: `${NOTHING}, ${trace} is not written, ${dump} is not written\n`,
      });
      expect([existsSync(trace), existsSync(dump)]).toEqual([false, false]);
    });
  });

  it("says what to compile with where functions have no names", async () => {
    const { exitCode, stderr } = await run("--leaks", await compileProgram("plain", "-Wl,--strip-all"));
    expect(stderr).toContain(`${NOTHING}\n\tif it does have one, have it keep the names`);
    expect(stderr).toContain("-O1 -c");
    expect(exitCode).toBe(3);
  });

  it("says where it has trapped", async () => {
    const { exitCode, stderr } = await run(await compileProgram("plain", "-DTRAPS"));
    expect(stderr).toMatch(/ended by a trap: unreachable\n(\t.*\n)*\tat \w*main \(\S*plain\.c:7:/);
    expect(exitCode).toBe(134);
  });

  it("names a folder that cannot be opened, and why", async () => {
    for (const name of ["plain", "bugs"]) {
      const program = await compileProgram(name);
      const refused = await run("--dir", "no-such-folder", program);
      expect(refused).toMatchObject({
        exitCode: 1,
        stderr: "kmem: --dir no-such-folder: no such file or directory\n",
      });
      const file = await run("--dir", `${program}::/data`, program);
      expect(file).toMatchObject({ exitCode: 1, stderr: `kmem: --dir ${program}: it is no folder\n` });
    }
  });
});

describe("kmem run of a module that is no WASI program", () => {
  const refusal = async (bytes: readonly number[]): Promise<string> =>
    await withTempDir(async (directory) => {
      const file = join(directory, "a.wasm");
      writeFileSync(file, Uint8Array.from(bytes));
      const { exitCode, stderr } = await run(file);
      expect(exitCode).toBe(1);
      return stderr.replace(file, "FILE");
    });

  it("says so, and what it imports", async () => {
    const names = ["far", "near", "left", "right", "up"];
    expect(await refusal([...HEADER, ...EMPTY_TYPE, ...imported(...names), ...MEMORY, ...exportedMemory])).toBe(
      "kmem: FILE: it is no WASI program: it imports env.far, env.near, env.left, env.right and 1 more, " +
        "which WASI does not have\n",
    );
  });

  it("says so of one that has no beginning", async () => {
    expect(await refusal([...HEADER, ...MEMORY, ...exportedMemory])).toBe(
      "kmem: FILE: it is no WASI program: it exports no _start, with which one begins\n",
    );
  });

  it("says what to do where only a half of the allocator has a name", async () => {
    // (import "env" "malloc" (func (param i32) (result i32)))
    const type = [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f];
    const stderr = await refusal([...HEADER, ...type, ...imported("malloc"), ...MEMORY, ...exportedMemory]);
    expect(stderr).toMatch(/^kmem: FILE: nothing says which of its functions is free; have it keep the names/);
  });
});
