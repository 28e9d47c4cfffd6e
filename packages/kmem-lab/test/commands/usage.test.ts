import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { runCli } from "../support/run-lab.ts";

describe("usage errors come before any output, with exit code 2", () => {
  it.each([
    [["figures", "--out", "/nowhere", "--only", "traces"], "the part `traces` needs trace files"],
    [["memory"], "name traces, or give --loads"],
    [["latency", "-", "-"], "Standard input can be read once only."],
    [["kill", "--survivors", "1000"], "It is a whole number from 1 to 32."],
    [["all", "--only", "nothing"], 'There is no "nothing"; there are traces, live, loads, threads, memory, latency'],
    [["compare"], "missing required argument 'revision'"],
    [["compare", "HEAD", "0"], "It is a whole number from 1."],
    [["kill-figures", "many"], "It is a whole number from 1."],
  ])("kmem-lab %j", async (args, message) => {
    const { exitCode, stdout, stderr } = await runCli(args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

describe("a file that is missing is said before anything is measured", () => {
  it.each([["memory"], ["latency"], ["figures", "--out", "/nowhere"], ["drift", "--document"]])(
    "kmem-lab %s %s",
    async (...args) => {
      await withTempDir(async (folder) => {
        const missing = join(folder, "missing.trace");
        const { exitCode, stdout, stderr } = await runCli([...args, missing]);
        expect(exitCode).toBe(1);
        expect(stdout).toBe("");
        expect(stderr.trim().split("\n").at(-1)).toBe(`kmem: ${missing}: no such file or directory`);
      });
    },
  );

  it("kmem-lab report says so of a folder without figures", async () => {
    await withTempDir(async (folder) => {
      const { exitCode, stdout, stderr } = await runCli(["report", "--out", folder]);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("there are no figures in it");
    });
  });
});
