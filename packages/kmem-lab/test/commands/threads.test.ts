import { describe, expect, it } from "vitest";
import type { LabContext } from "../../src/commands/context.ts";
import { heapThreadContender, knownThreadContenders } from "../../src/threads/contenders.ts";
import type { ThreadsReport } from "../../src/threads/report.ts";
import { runInProcess } from "../support/run-lab.ts";

const kmem = { contenders: [], threadContenders: knownThreadContenders().slice(0, 1) };
const brokenHeap = (name: string) => ({
  contenders: [],
  threadContenders: [heapThreadContender("broken", new URL(name, import.meta.url), "0")],
});
const LITTLE = ["threads", "--rounds", "1", "--work", "0"];

describe("kmem-lab threads", () => {
  it("prints one JSON document", async () => {
    const { exitCode, stdout, stderr } = await runInProcess([...LITTLE, "--json", "local", "sh8"], kmem);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const report = JSON.parse(stdout) as ThreadsReport;
    expect(report).toMatchObject({ schema: "kmem-threads", version: 2, settings: { threadCounts: [1, 2] } });
    expect(report.workloads.map(({ name, results }) => [name, results.map((run) => run.threadCount)])).toEqual([
      ["local", [1, 2]],
      ["sh8", [1, 2]],
    ]);
    for (const { results } of report.workloads) {
      for (const { figures, checks } of results) {
        expect(checks).toMatchObject({ faultCount: 0, problems: [], freedCount: checks.allocatedCount });
        expect(figures!.operationCount).toBe(2 * checks.allocatedCount);
      }
    }
  });

  it("prints tables, with another number of threads where one is given", async () => {
    const { exitCode, stdout } = await runInProcess([...LITTLE, "--threads", "3", "cache-scratch"], kmem);
    expect(exitCode).toBe(0);
    expect(stdout.match(/^\d threads? +kmem$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^cache-scratch: 2 threads \/ 1 thread +at least 1 /m);
  });

  // What else a heap may do wrong, run-threads.test.ts has.
  it("ends with exit code 1 when a heap loses a block", async () => {
    const args = ["threads", "--rounds", "1", "--work", "1", "sh6"];
    const { exitCode, stdout, stderr } = await runInProcess(args, brokenHeap("../threads/losing-heap.ts"));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/blocks are live at the end/);
    expect(stdout).toMatch(/^sh6 +failed$/m);
  });

  it("ends with exit code 1 when there is no allocator", async () => {
    const nobody: LabContext = { contenders: [], threadContenders: [] };
    const { exitCode, stderr } = await runInProcess(LITTLE, nobody);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "kmem: none of these allocators is available here\n",
    });
  });

  it.each([
    [["golf"], "There are local, larson, xmalloc"],
    [["--threads", "0"], "It is a whole number from 1."],
    [["--threads", "33"], "It is 32 at the most."],
    [["--rounds", "2", "--seconds", "2"], "cannot be used with option"],
  ])("refuses %j", async (args, message) => {
    const { exitCode, stderr } = await runInProcess(["threads", ...args], kmem);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  it("says in its help what the workloads are", async () => {
    const { exitCode, stdout } = await runInProcess(["threads", "--help"], kmem);
    expect(exitCode).toBe(0);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("rptest sizes 8 to 16,000, small ones more often");
  });
});
