import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildModule, op } from "../../../kmem/test/wasm/support/module-builder.ts";
import { toyFree, toyMalloc } from "../../../kmem/test/wasm/support/toy-allocator.ts";
import { runCommandLine } from "../../src/commands/program.ts";
import { captured, type RunResult, runCli } from "../commands/support.ts";
import { withTempDir } from "../trace/support.ts";
import { compileProgram, describeCompiled, OPTIMISED } from "./compile.ts";
import { markedLine } from "./marks.ts";

/** Enough for these programs, so that no run has to have large tables. */
const MEMORY = ["--max-memory", "16M"];

/** Runs the command in this process: what the program itself prints goes past. */
function run(args: readonly string[]): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", "run", ...MEMORY, ...args]));
}

describeCompiled("kmem run", () => {
  describe.each([
    ["as it is written", []],
    ["and optimised", OPTIMISED],
  ])("of a program that is compiled %s", (_how, flags) => {
    let module = "";
    beforeAll(async () => {
      module = await compileProgram("bugs", ...flags);
    });
    const bug = (name: string, ...options: string[]): Promise<RunResult> => run([...options, module, name]);

    /** The problem is told with its function, file and line, and nothing else is. */
    const told = ({ stderr, exitCode }: RunResult, what: string | RegExp, ...places: [string, string][]): void => {
      expect(stderr).toMatch(what);
      for (const [name, mark] of places)
        expect(stderr).toMatch(new RegExp(`(at|in) ${name} \\(\\S*bugs\\.c:${markedLine("bugs", mark)}:`));
      expect(stderr).toMatch(/^kmem: 1 problem$/m);
      expect(exitCode).toBe(99);
    };

    it("finds a block that is lost", async () => {
      const found = await bug("leak", "--leaks");
      told(found, "kmem: 100 bytes in 1 block lost, nothing leads to them", ["leak", "leak"]);
      expect(found.stderr).not.toContain("still reachable");
    });

    it("tells what is still reachable, which is no problem", async () => {
      const { stderr, exitCode } = await bug("reachable", "--check", "--leaks");
      expect(stderr).toContain("kmem: 134 bytes in 3 blocks still reachable");
      expect(stderr).toMatch(new RegExp(`at reachable \\(\\S*bugs\\.c:${markedLine("bugs", "reachable")}:`));
      expect(stderr).not.toContain("lost");
      expect(exitCode).toBe(0);
    });

    it("finds a second free, with and without --check", async () => {
      told(
        await bug("double_free", "--check"),
        "Object already free",
        ["double_free", "double_free"],
        ["double_free", "double_free allocated"],
        ["double_free", "double_free freed"],
      );
      told(await bug("double_free"), /BUG: .* is already free/, ["double_free", "double_free"]);
    });

    it("finds a free of what is no block, with and without --check", async () => {
      told(await bug("invalid_free", "--check"), "Invalid object pointer", ["invalid_free", "invalid_free"]);
      told(await bug("invalid_free"), "BUG: ", ["invalid_free", "invalid_free"]);
      told(await bug("static_free", "--check"), "Invalid object pointer", ["static_free", "static_free"]);
    });

    it("finds a byte written behind a block, and before one", async () => {
      const behind = await bug("overflow", "--check");
      told(behind, "First bad byte: 0 bytes right of the object", ["overflow", "overflow"]);
      const before = await bug("underflow", "--check");
      told(before, "First bad byte: 1 bytes left of the object", ["underflow", "underflow"]);
      told(await bug("live_overflow", "--check"), "0 bytes right of the object", ["live_overflow", "live_overflow"]);
    });

    it("finds a write into a freed block", async () => {
      const found = await bug("late_write", "--check");
      told(found, "4 bytes inside of the object", ["late_write", "late_write"], ["late_write", "late_write freed"]);
    });

    it("finds a realloc of what was freed", async () => {
      const found = await bug("stale_realloc", "--check");
      told(
        found,
        "Use of an object that is free",
        ["stale_realloc", "stale_realloc"],
        ["stale_realloc", "stale_realloc freed"],
      );
      told(await bug("stale_realloc"), "BUG: ", ["stale_realloc", "stale_realloc"]);
    });

    it("says nothing of a program that does nothing wrong", async () => {
      for (const options of [[], ["--check"], ["--leaks"], ["--check", "--leaks"], ["--check=FZ"]]) {
        expect(await bug("clean", ...options)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      }
    });

    it("says where a program has trapped", async () => {
      const { stderr, exitCode } = await bug("trap");
      expect(stderr).toMatch(/ended by a trap: unreachable/);
      expect(stderr).toMatch(new RegExp(`at trap \\(\\S*bugs\\.c:${markedLine("bugs", "trap")}:`));
      expect(exitCode).toBe(134);
    });

    it("has one allocation fail, which shows a leak", async () => {
      expect((await bug("failing", "--leaks")).exitCode).toBe(0);
      const codes: (number | null)[] = [];
      const leaks: string[] = [];
      for (const nth of ["1", "2", "3", "4", "5"]) {
        const { exitCode, stderr } = await bug("failing", "--leaks", "--fail-nth", nth);
        codes.push(exitCode);
        if (stderr.includes("10 bytes in 1 block lost")) leaks.push(nth);
      }
      // The first two are the arguments', which wasi-libc gives up without; the fourth is the realloc.
      expect(leaks).toEqual(["4"]);
      expect(codes[3]).toBe(99);
      expect(codes[4]).toBe(0);
    });
  });

  describe("besides", () => {
    let module = "";
    beforeAll(async () => {
      module = await compileProgram("bugs");
    });

    it("runs as a process: the program's output and exit code, its options after its name", async () => {
      const { stdout, stderr, exitCode } = await runCli(["run", "--check", module, "clean", "7", "--check"]);
      expect({ stdout, stderr, exitCode }).toEqual({ stdout: "clean 4\n", stderr: "", exitCode: 7 });
    });

    it("writes a trace that replays, a dump that opens, and figures", async () => {
      await withTempDir(async (directory) => {
        const [trace, dump] = [join(directory, "a.kmt"), join(directory, "a.dump.zst")];
        const { stderr, exitCode } = await run(["--record", trace, "--dump", dump, "--stats", module, "reachable"]);
        expect(exitCode).toBe(0);
        expect(stderr).toMatch(/^calls +5 allocations, 0 resizes, 0 frees; 0 failed$/m);
        expect(stderr).toMatch(/^live +5 blocks, /m);
        expect((await runCli(["info", dump])).stdout).toMatch(/^blocks +5 live/m);
        const replayed = await runCli(["replay", "--allocators", "kmem", "--check", "--runs", "0", trace]);
        expect(replayed.exitCode).toBe(0);
        expect((await runCli(["stat", trace])).stdout).toMatch(/^ reachable \(/m);
        await run(["--record", trace, module, "clean"]);
        const summary = await runCli(["replay", "--json", "--allocators", "kmem", "--check", "--runs", "0", trace]);
        expect(summary.stderr).toBe("");
        expect(summary.exitCode).toBe(0);
        await run(["--leaks", "--dump", dump, module, "leak"]);
        const leaks = await runCli(["leaks", dump]);
        expect(leaks.stdout).toContain("100 bytes in 1 allocations");
      });
    });

    it("leaves out what suppressions name", async () => {
      await withTempDir(async (directory) => {
        const file = join(directory, "known.txt");
        const suppressed = async (text: string, name: string): Promise<RunResult> => {
          writeFileSync(file, text);
          return run(["--check", "--leaks", "--suppressions", file, module, name]);
        };
        for (const text of ["# known\nleak: leak < main\n", "*: l*k\n", "leak: ... < main < ...", "leak: *"]) {
          expect(await suppressed(text, "leak")).toMatchObject({
            exitCode: 0,
            stderr: "kmem: 0 problems, 1 suppressed\n",
          });
        }
        for (const text of ["overwrite: leak\n", "leak: main\n", "leak: leak < _start\n", "leak: leaks", ""]) {
          expect((await suppressed(text, "leak")).exitCode).toBe(99);
        }
        expect((await suppressed("double-free: double_free", "double_free")).exitCode).toBe(0);
        expect((await suppressed("invalid-free: invalid_free", "invalid_free")).exitCode).toBe(0);
        expect((await suppressed("overwrite: late_write", "late_write")).exitCode).toBe(0);
        expect((await suppressed("invalid-use: stale_realloc", "stale_realloc")).exitCode).toBe(0);
        for (const text of ["leak leak", "leek: main", "leak: main <", "leak:"]) {
          const { exitCode, stderr } = await suppressed(text, "leak");
          expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`${file}: line 1 `)]);
        }
      });
    });

    it("names functions by their numbers where a module has no names, and still finds all", async () => {
      const stripped = await compileProgram("bugs", "-Wl,--strip-all");
      const { stderr, exitCode } = await run(["--check", "--leaks", stripped, "leak"]);
      expect(stderr).toMatch(/100 bytes in 1 block lost[\s\S]*at function \d+ \(byte 0x[0-9a-f]+\)/);
      expect(exitCode).toBe(99);
      expect(await run(["--check", "--leaks", stripped, "clean"])).toMatchObject({ exitCode: 0, stderr: "" });
    });

    it("keeps to the memory that a program may have", async () => {
      const { stderr } = await captured(() => {
        return runCommandLine(["node", "kmem", "run", "--max-memory", "2M", "--stats", module, "clean"]);
      });
      const [, mebibytes = ""] = /^memory +([\d.]+) MiB of linear memory$/m.exec(stderr) ?? [];
      expect(Number(mebibytes)).toBeLessThanOrEqual(2);
    });

    it("runs a program that imports its allocator from env", async () => {
      const imported = await compileProgram("imported", "-nostdlib");
      const { stderr, exitCode } = await run(["--check", "--leaks", imported]);
      expect(stderr).toMatch(new RegExp(`at work \\(\\S*imported\\.c:${markedLine("imported", "double_free")}:`));
      expect(stderr).toMatch(new RegExp(`at work \\(\\S*imported\\.c:${markedLine("imported", "leak")}:`));
      expect(stderr).toContain("kmem: 2 problems");
      expect(exitCode).toBe(99);
      expect((await run([imported])).exitCode).toBe(99);
    });
  });
});

describe("kmem run", () => {
  it("runs a start function that allocates once the program's heap is there", async () => {
    const nothing = { params: [], results: [] };
    const kept = 1024;
    const start = { ...nothing, code: [...op.i32(kept), ...op.i32(40), ...op.call(0), ...op.store()] };
    const load = [...op.i32(kept), ...op.load()];
    const main = { ...nothing, code: [...load, 0x45, ...op.ifVoid, ...op.unreachable, ...op.end], exportAs: "_start" };
    const globals = [{ value: 4096, isMutable: false, exportAs: "__heap_base" }];
    const module = buildModule({ functions: [toyMalloc(), toyFree(), start, main], start: 2, globals });
    await withTempDir(async (directory) => {
      const file = join(directory, "start.wasm");
      writeFileSync(file, module);
      for (const options of [[], ["--check"], ["--check=memcheck"]]) {
        expect(await run([...options, file])).toMatchObject({ exitCode: 0, stderr: "" });
      }
    });
  });

  it("says why what is no program cannot be run", async () => {
    await withTempDir(async (directory) => {
      const file = join(directory, "a.wasm");
      expect(await run([file])).toMatchObject({ exitCode: 1, stderr: `kmem: ${file}: no such file or directory\n` });
      writeFileSync(file, "no module");
      expect(await run([file])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("this is no WebAssembly module"),
      });
      writeFileSync(file, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
      expect(await run([file])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`${file}: `) });
      expect((await run(["--fail-nth", "0", file])).exitCode).toBe(2);
      expect((await run(["--max-memory", "5G", file])).exitCode).toBe(2);
      expect((await run(["--env", "x", file])).exitCode).toBe(2);
      expect((await run([])).exitCode).toBe(2);
    });
  });
});
