import { styleFor } from "kmem-cli/internal/system/terminal";
import { describe, expect, it } from "vitest";
import { killText } from "../../src/kill/kill-text.ts";
import { hasKillFailed, type KillReport } from "../../src/kill/report.ts";
import { runInProcess } from "../support/run-lab.ts";

const nobody = { contenders: [], threadContenders: [] };
const run = (...args: string[]) => runInProcess(["kill", ...args], nobody);

describe("kmem-lab kill", () => {
  it("prints one JSON document, and loses nothing", async () => {
    const { exitCode, stdout, stderr } = await run("--kills", "31", "--seed", "5", "--json");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const report = JSON.parse(stdout) as KillReport;
    expect(report).toMatchObject({ schema: "kmem-kill", version: 2, settings: { killCount: 31, survivorCount: 2 } });
    expect(report.heaps.map(({ name, killCount }) => [name, killCount])).toEqual([
      ["fixed", 7],
      ["short of memory", 6],
      ["growing", 6],
      ["debugged", 6],
      ["sampled", 6],
    ]);
    for (const { killCount, checkCount, survivorOperations, killsByOperation, ...figures } of report.heaps) {
      expect(figures).toMatchObject({ hangs: 0, lostBlocks: 0, lostPages: 0, findings: 0, problems: [] });
      expect(checkCount).toBeGreaterThan(killCount / 3);
      expect(survivorOperations).toBeGreaterThan(0);
      expect(Object.values(killsByOperation).reduce((sum, count) => sum + count, 0)).toBe(killCount);
    }
  });

  it("prints tables", async () => {
    const { exitCode, stdout } = await run("--kills", "4", "--survivors", "1", "--heap", "sampled");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^threads killed +4 +4$/m);
    expect(stdout).toMatch(/^hangs +0 +0$/m);
    expect(stdout).toContain("Nothing was lost, and no thread hung.");
  });

  it("has failed, and says why, when there was a problem", () => {
    const figures = {
      name: "fixed",
      killCount: 1,
      killsByOperation: { free: 1 },
      survivorOperations: 0,
      checkCount: 1,
      takenOverLocks: 0,
      ownedByDead: 0,
      returnedBlocks: 0,
      returnedPages: 0,
      recoveryMs: [],
      reapMs: [],
      hangs: 0,
      lostBlocks: 1,
      lostPages: 0,
      findings: 0,
      problems: ["the allocation at 64 is lost"],
    };
    const report: KillReport = {
      schema: "kmem-kill",
      version: 2,
      environment: { node: "26", platform: "linux", arch: "x64", cpuModel: "any", cpuCount: 2 },
      settings: { killCount: 1, survivorCount: 2, seed: 1 },
      seconds: 1,
      heaps: [figures],
    };
    expect(hasKillFailed(report)).toBe(true);
    expect(killText(report, styleFor(process.stdout, { NO_COLOR: "1" }))).toContain(
      "fixed: the allocation at 64 is lost",
    );
    expect(hasKillFailed({ ...report, heaps: [{ ...figures, problems: [] }] })).toBe(false);
  });

  it("refuses what makes no sense", async () => {
    const { exitCode, stderr } = await run("--kills", "0");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("It is a whole number from 1.");
  });
});
