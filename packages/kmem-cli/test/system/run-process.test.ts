import process from "node:process";
import { describe, expect, it } from "vitest";
import { runProcess } from "../../src/system/run-process.ts";

const node = (script: string, env: Record<string, string> = {}) =>
  runProcess({ file: process.execPath, args: ["-e", script], env });

describe("a process", () => {
  it("answers what it writes to standard output, and sees its environment", async () => {
    expect(await node("console.error('noise'); console.log(process.env.ONE)", { ONE: "1" })).toBe("1\n");
  });

  it("fails with its exit code and its first complaints", async () => {
    await expect(node("console.error('one\\n\\ntwo'); process.exit(4)")).rejects.toThrow(
      "ended with exit code 4: one / two",
    );
    await expect(node("process.exit(5)")).rejects.toThrow(/exit code 5$/);
  });

  it("fails with the message of an uncaught error, not with the place", async () => {
    await expect(node("throw new RangeError('out of it')")).rejects.toThrow("exit code 1: RangeError: out of it");
  });

  it("fails by the name of a signal", async () => {
    await expect(node("process.kill(process.pid, 'SIGKILL')")).rejects.toThrow("was ended by SIGKILL");
  });

  it("fails when there is no such program", async () => {
    await expect(runProcess({ file: "no-such-program", args: [] })).rejects.toThrow("there is no no-such-program");
  });
});
