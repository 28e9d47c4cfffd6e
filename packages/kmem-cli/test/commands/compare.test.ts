import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CompareReport } from "../../src/report/compare-report.ts";
import { BUNDLED_TRACES, withTempDir } from "../trace/support.ts";
import { runCli } from "./support.ts";

const SQLITE = join(BUNDLED_TRACES, "sqlite_file.trace.zst");
const PAGE_BYTES = 4096;

describe("kmem compare", () => {
  it("finds the smallest memory, what fails in another, what is in the trace; the page has the same", async () => {
    await withTempDir(async (folder) => {
      const page = join(folder, "c.html");
      const args = ["compare", "--no-native", "--runs", "0", "--memory", "4M", "--json", "--html", page, SQLITE];
      const { exitCode, stdout, stderr } = await runCli(args);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      const report = JSON.parse(stdout) as CompareReport;
      const { summary, workloads, profile } = report.traces[0]!;
      const { memory, fit, limited } = workloads[0]!.results[0]!;
      expect(fit?.fitBytes).toBeGreaterThan(summary!.live.peakLiveBytes);
      expect(fit!.fitBytes! % PAGE_BYTES).toBe(0);
      expect(limited?.failureCount).toBeGreaterThan(0);
      expect(memory?.failureCount).toBe(0);
      expect(Math.max(...memory!.samples!.footprintBytes)).toBe(memory!.peakFootprintBytes);
      expect(Math.max(...memory!.samples!.liveBytes)).toBe(memory!.peakLiveBytes);
      const [family] = profile!.families;
      expect(family?.allocationCount).toBe(38_846 + 12_054);
      expect(family?.sizes.reduce((sum, { count }) => sum + count, 0)).toBe(family?.allocationCount);
      const [, json = ""] = /id="report">(.*?)<\/script>/s.exec(readFileSync(page, "utf8")) ?? [];
      expect(JSON.parse(json)).toEqual(report);
    });
  });

  it("refuses nothing in that memory, and something with a page less", async () => {
    await withTempDir(async (folder) => {
      const json = async (...more: string[]): Promise<CompareReport> => {
        const args = ["compare", "-a", "kmem", "--runs", "0", "--json", ...more, SQLITE];
        return JSON.parse((await runCli(args)).stdout) as CompareReport;
      };
      const first = await json();
      const fitBytes = first.traces[0]!.workloads[0]!.results[0]!.fit!.fitBytes!;
      const failures = async (memoryBytes: number): Promise<number | undefined> => {
        const report = await json("--no-fit", "--memory", String(memoryBytes));
        return report.traces[0]!.workloads[0]!.results[0]!.limited?.failureCount;
      };
      expect(await failures(fitBytes)).toBe(0);
      expect(await failures(fitBytes - PAGE_BYTES)).toBeGreaterThan(0);
      expect(folder).not.toBe("");
    });
  });

  it("has a policy of the user's own take part, in memories of given sizes, too", async () => {
    await withTempDir(async (folder) => {
      const policy = join(folder, "bump.js");
      writeFileSync(
        policy,
        `export function createPolicy({ start, end }) {
          let top = start;
          const sizes = new Map();
          return {
            alloc(bytes) {
              const at = top;
              if (at + bytes > end) return 0;
              top += Math.ceil(bytes / 16) * 16;
              sizes.set(at, bytes);
              return at;
            },
            free() {}, usableSize: (at) => sizes.get(at),
          };
        }`,
      );
      const trace = join(folder, "t.csv");
      writeFileSync(
        trace,
        `op,block,size\n${Array.from({ length: 100 }, (_, at) => `malloc,${at},1000\nfree,${at},\n`).join("")}`,
      );
      const page = join(folder, "c.html");
      const args = ["compare", "-a", `kmem,${policy}`, "--runs", "1", "--html", page, trace];
      const { exitCode, stdout } = await runCli(args);
      expect(exitCode).toBe(0);
      // The first page is nobody's, and each block takes 1008 bytes.
      const bytes = Math.ceil((4096 + 99 * 1008 + 1000) / 4096) * 4096;
      expect(stdout).toMatch(new RegExp(`\\n {2}bump .* ${bytes / 1024} KiB\\n`));
      expect(stdout).toContain(`${page}: the page`);
      expect(readFileSync(page, "utf8")).toContain("<h2");
    });
  });
});
