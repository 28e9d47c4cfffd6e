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
