// Programs that take memory by themselves, write over the heap's tables, or free nothing, as somebody runs them.
import { beforeAll, describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/commands/program.ts";
import { captured, type RunResult, runCli } from "../commands/support.ts";
import { compileProgram, describeCompiled, OPTIMISED } from "./compile.ts";
import { markedLine } from "./marks.ts";

function run(...args: readonly string[]): Promise<RunResult> {
  return captured(() => runCommandLine(["node", "kmem", "run", "--max-memory", "64M", ...args]));
}

describeCompiled("kmem run", () => {
  describe.each([
    ["as it is written", []],
    ["and optimised", OPTIMISED],
  ])("of a program that is compiled %s", (_how, flags) => {
    let module = "";
    beforeAll(async () => {
      module = await compileProgram("grows", ...flags);
    });

    it.each(["--check", "--check=memcheck", "--check=memcheck,undefined"])(
      "says nothing of one that adds pages between its calls: %s",
      async (check) => {
        const { stderr, exitCode } = await run(check, "--leaks", module, "grows");
        expect(stderr).not.toMatch(/BUG|lost|detached/);
        expect(exitCode).toBe(0);
      },
    );

    it("finds what is wrong after the program has added pages", async () => {
      const { stderr, exitCode } = await run("--check=memcheck", module, "freed");
      expect(stderr).toContain("write of 1 byte, 0 bytes inside of a freed block of 20 bytes");
      expect(stderr).toMatch(new RegExp(`at freed \\(\\S*grows\\.c:${markedLine("grows", "freed")}:`));
      expect(stderr).toMatch(/^kmem: 1 problem$/m);
      expect(exitCode).toBe(99);
    });

    it("finds a copy that reads a byte too far, whatever the size of its last load", async () => {
      const { stderr, exitCode } = await run("--check=memcheck", module, "odd");
      expect(stderr).toMatch(/read of \d+ bytes?, 0 bytes after a block of 21 bytes/);
      expect(stderr).toMatch(new RegExp(`at odd \\(\\S*grows\\.c:${markedLine("grows", "odd")}:`));
      expect(exitCode).toBe(99);
    });

    it.each(["--check", "--check=memcheck", "--leaks"])(
      "says where the heap's own tables are overwritten, and counts it: %s",
      async (option) => {
        // As it is installed: in test builds an assertion finds it first.
        const { stderr, exitCode } = await runCli(["run", "--max-memory", "64M", option, module, "tables"]);
        expect(stderr).toContain("BUG: the heap's own tables are overwritten, and its end cannot be checked");
        expect(stderr).toMatch(/^kmem: [\d,]+ problems?/m);
        expect(exitCode).toBe(99);
      },
    );
  });

  it("says of a program that frees nothing how to link it, and finds its leak then", async () => {
    const bare = await run("--leaks", await compileProgram("frees-nothing"));
    expect(bare.stderr).toContain("the linker has left free out: link with -Wl,--export=free");
    expect(bare.exitCode).toBe(1);
    const linked = await run("--leaks", await compileProgram("frees-nothing", "-Wl,--export=free"));
    expect(linked.stderr).toContain("10 bytes in 1 block lost");
    expect(linked.exitCode).toBe(99);
  });
});
