import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/commands/program.ts";
import { captured, type RunResult } from "../commands/support.ts";
import { withTempDir } from "../trace/support.ts";
import { compileProgram, describeCompiled, OPTIMISED } from "./compile.ts";
import { markedLine } from "./marks.ts";

/** Enough for this program, so that no run has to have large tables. */
const MEMORY = ["--max-memory", "16M"];

/** The place in the program's source that has a mark, as frames have it. */
function placeOf(mark: string): string {
  return `accesses\\.c:${markedLine("accesses", mark)}:`;
}

function run(check: string, args: readonly string[]): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", "run", ...MEMORY, `--check=${check}`, ...args]));
}

/** Bugs by the function that has them, and what is said of them. */
const BUGS: readonly (readonly [name: string, says: string])[] = [
  ["overflow_read", "read of 1 byte, 0 bytes after a block of 24 bytes"],
  ["overflow_write", "write of 1 byte, 0 bytes after a block of 21 bytes"],
  ["underflow_read", "read of 1 byte, 1 byte before a block of 24 bytes"],
  ["underflow_write", "write of 1 byte, 1 byte before a block of 24 bytes"],
  ["wide_read", "0 bytes after a block of 24 bytes"],
  ["packed_write", "write of 8 bytes, 0 bytes after a block of 8 bytes"],
  ["freed_read", "read of 4 bytes, 16 bytes inside of a freed block of 40 bytes"],
  ["freed_write", "write of 4 bytes, 16 bytes inside of a freed block of 40 bytes"],
  ["double_free", "second free of"],
  ["invalid_free", "free of what is no block"],
  ["mismatched_realloc", "of what is no live block"],
];
const UNDEFINED_BUGS: typeof BUGS = [
  ["undefined_read", "read, before anything was written there, of 4 bytes, 12 bytes inside of a block of 40 bytes"],
  ["undefined_copy", "read, before anything was written there, of 1 byte, 20 bytes inside of a block of 60 bytes"],
];

describeCompiled("kmem run --check=memcheck", () => {
  describe.each([
    ["as it is written", []],
    ["and optimised", [...OPTIMISED, "-mbulk-memory"]],
  ])("of a program that is compiled %s", (_how, flags) => {
    let module = "";
    beforeAll(async () => {
      module = await compileProgram("accesses", ...flags);
    });

    /** The bug is told with its function, file and line, and who allocated, and nothing else. */
    const expectFound = async (check: string, [name, says]: (typeof BUGS)[number]): Promise<void> => {
      const { stderr, exitCode } = await run(check, [module, name]);
      expect(stderr).toContain(says);
      expect(stderr).toMatch(new RegExp(`\\n\\tat ${name} \\(\\S*${placeOf(name)}`));
      expect(stderr).toMatch(new RegExp(`Allocated in:\\n\\tat ${name} \\(\\S*${placeOf(`${name} allocated`)}`));
      expect(stderr).toMatch(/^kmem: 1 problem$/m);
      expect(exitCode).toBe(99);
    };

    it.each(BUGS)("finds %s", async (...bug) => {
      await expectFound("memcheck", bug);
    });

    it.each(UNDEFINED_BUGS)("finds %s where that is asked for", async (...bug) => {
      await expectFound("memcheck,undefined", bug);
    });

    it("says who freed the block", async () => {
      for (const name of ["freed_read", "freed_write", "double_free"]) {
        const { stderr } = await run("memcheck", [module, name]);
        expect(stderr).toMatch(new RegExp(`Freed in:\\n\\tat ${name} \\(\\S*${placeOf(`${name} freed`)}`));
      }
    });

    it("finds what is copied and filled too far", async () => {
      for (const [name, says] of [
        ["copy_from", /read of \d+ bytes?, 0 bytes after a block of 100 bytes/],
        ["fill", /write of \d+ bytes?, 0 bytes after a block of 100 bytes/],
      ] as const) {
        const { stderr, exitCode } = await run("memcheck", [module, name]);
        expect(stderr).toMatch(says);
        expect(stderr).toMatch(new RegExp(`at ${name} \\(\\S*${placeOf(name)}`));
        expect(exitCode).toBe(99);
      }
    });

    it("finds a block that is lost", async () => {
      const { stderr, exitCode } = await run("memcheck", ["--leaks", module, "leak"]);
      expect(stderr).toContain("kmem: 100 bytes in 1 block lost, nothing leads to them");
      expect(stderr).toMatch(new RegExp(`at leak \\(\\S*${placeOf("leak allocated")}`));
      expect(exitCode).toBe(99);
    });

    it("says nothing where the same is done without the bugs, whatever the C library reads", async () => {
      for (const check of ["memcheck", "memcheck,undefined"]) {
        expect(await run(check, ["--leaks", module, "all"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      }
    });
  });

  it("leaves out what a file of suppressions names", async () => {
    const module = await compileProgram("accesses");
    await withTempDir(async (folder) => {
      const file = join(folder, "known.supp");
      writeFileSync(file, "invalid-read: freed_read < main\n");
      const known = await run("memcheck", ["--suppressions", file, module, "freed_read"]);
      expect(known).toMatchObject({ exitCode: 0, stderr: "kmem: 0 problems, 1 suppressed\n" });
      expect((await run("memcheck", ["--suppressions", file, module, "freed_write"])).exitCode).toBe(99);
    });
  });

  it.each(["memcheck,registers", "memchek", "undefined", "FX", "FZ;Q,kmalloc-64"])(
    "%s is refused: there is no such check",
    async (check) => {
      const { exitCode, stderr } = await run(check, ["program.wasm"]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain("memcheck,undefined");
    },
  );
});
