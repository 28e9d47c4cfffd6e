import { afterEach, describe, expect, it, vi } from "vitest";
import { runCommandLine } from "../../src/commands/program.ts";

const commandLine = (...args: string[]): string[] => ["node", "kmem", ...args];

function captureOutput(): { stdout: () => string; stderr: () => string } {
  const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const text = (spy: typeof stdout): string => spy.mock.calls.map(([chunk]) => String(chunk)).join("");
  return { stdout: () => text(stdout), stderr: () => text(stderr) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the command line", () => {
  it("prints help and exits with 0", async () => {
    const output = captureOutput();
    expect(await runCommandLine(commandLine("--help"))).toBe(0);
    expect(output.stdout()).toContain("Usage: kmem");
  });

  it("prints its version and exits with 0", async () => {
    const output = captureOutput();
    expect(await runCommandLine(commandLine("--version"))).toBe(0);
    expect(output.stdout()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([["--no-such-option"], ["no-such-command"]])("exits with 2 on %s", async (argument) => {
    const output = captureOutput();
    expect(await runCommandLine(commandLine(argument))).toBe(2);
    expect(output.stderr()).toContain("error:");
  });
});

describe("an error", () => {
  const errorOf = async (...args: string[]): Promise<string> => {
    const output = captureOutput();
    expect(await runCommandLine(commandLine(...args))).toBe(2);
    expect(output.stdout()).toBe("");
    return output.stderr();
  };

  it.each([
    [["no-such-command"], "kmem"],
    [["leaks", "--bogus"], "kmem leaks"],
    [["info"], "kmem info"],
    [["replay", "--bogus"], "kmem replay"],
    [["compare"], "kmem compare"],
    [["proc", "bogus"], "kmem proc"],
    [["proc", "slabtop"], "kmem proc slabtop"],
  ])("of %j names the help of its own subcommand", async (args, name) => {
    expect(await errorOf(...args)).toMatch(new RegExp(`^error: .*\n\\(${name} --help says what there is\\)\n$`));
  });

  it.each([
    [["bogus"], "kmem"],
    [["proc", "bogus"], "kmem proc"],
  ])("is to ask for the help of %j", async (names, name) => {
    expect(await errorOf("help", ...names)).toMatch(new RegExp(`^error: unknown command 'bogus'\n\\(${name} --help`));
  });
});

describe("kmem help", () => {
  it.each([
    [[], "Usage: kmem [options] [command]"],
    [["leaks"], "Usage: kmem leaks [options] <dump>"],
    [["proc", "slabtop"], "Usage: kmem proc slabtop [options] <dump>"],
  ])("shows the help of %j", async (names, usage) => {
    const output = captureOutput();
    expect(await runCommandLine(commandLine("help", ...names))).toBe(0);
    expect(output.stdout()).toContain(usage);
    expect(output.stderr()).toBe("");
  });

  it("of run shows that letters stand behind =", async () => {
    const output = captureOutput();
    expect(await runCommandLine(commandLine("help", "run"))).toBe(0);
    expect(output.stdout()).toMatch(/^ {2}--check\[=LETTERS\] /m);
  });
});
