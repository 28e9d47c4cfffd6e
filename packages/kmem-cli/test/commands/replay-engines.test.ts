import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownContenders } from "../../src/contenders/known-contenders.ts";
import type { ReplayReport } from "../../src/replay/report.ts";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { withTempDir } from "../trace/support.ts";
import { type RunResult, runCli, runInProcess } from "./support.ts";

const ENGINES = "region-worst,region-first,bucket,buddy,cluster,kmem";
const NOTE = "cluster: cannot free (GIET-VM has no free); its footprint only grows; 1 free ignored";

/** Replays two blocks, of which one is freed. */
function replay(...args: readonly string[]): Promise<RunResult> {
  return withTempDir((folder) => {
    const trace = join(folder, "two.trace");
    writeFileSync(trace, mallocTrace([mallocEvent(0, 1, 100), mallocEvent(0, 2, 5000), mallocEvent(1, 1, 0)]));
    return runCli(["replay", "--runs", "0", ...args, trace]);
  });
}

const namesIn = ({ stdout }: RunResult): string[] => (JSON.parse(stdout) as ReplayReport).allocators.map((a) => a.name);

describe("kmem replay with the engines of kmem", () => {
  it("has a row for each in one table, checks them, and says under it which cannot free", async () => {
    const { exitCode, stdout, stderr } = await replay("--allocators", ENGINES, "--check");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const rows = stdout.match(/^ {2}\S+ +3 +4\.98 KiB .*$/gm)!.map((row) => row.trim().split(/ {2,}/));
    expect(rows.map(([name, , , allocated]) => `${name}: ${allocated}`)).toEqual([
      "kmem: 5.11 KiB",
      "region-worst: 5.00 KiB",
      "region-first: 5.00 KiB",
      "bucket: 8.13 KiB",
      "buddy: 12.0 KiB",
      "cluster: 8.13 KiB",
    ]);
    expect(stdout).toMatch(/cluster .* 0\ncluster: cannot free /);
    expect(stdout).toContain(`\n${NOTE}\n`);
    expect(stdout.match(/^two +\S+ +3 +1 +none$/gm)).toHaveLength(6);
  });

  it("takes slab and kmalloc for kmem, and no engine that is not named", async () => {
    expect(namesIn(await replay("--json", "--allocators", "slab"))).toEqual(["kmem"]);
    expect(namesIn(await replay("--json", "--allocators", "bucket,kmalloc"))).toEqual(["kmem", "bucket"]);
    const { stdout } = await replay("--json", "--no-native");
    const { allocators } = JSON.parse(stdout) as ReplayReport;
    expect(allocators.map(({ name }) => name)).toEqual(["kmem"]);
  });

  it("takes all for all there are, and says in JSON too what cannot free", async () => {
    const { stdout } = await replay("--json", "--no-native", "--allocators", "all");
    const { allocators, traces } = JSON.parse(stdout) as ReplayReport;
    const cluster = allocators.find(({ name }) => name === "cluster");
    // Others' allocators come beside them, where they are installed or can be compiled.
    expect(allocators.map(({ name }) => name)).toEqual(expect.arrayContaining(["kmem-fzpu", ...ENGINES.split(",")]));
    expect(cluster?.note).toBe("cannot free (GIET-VM has no free); its footprint only grows");
    const memories = traces[0]!.workloads[0]!.results.map(({ allocator, memory }) => [
      allocator,
      memory?.ignoredFreeCount,
    ]);
    expect(memories.filter(([, count]) => count !== undefined)).toEqual([["cluster", 1]]);
  }, 60_000);

  it("lists them in its help", async () => {
    const { stdout } = await runInProcess(["replay", "--help"], { contenders: knownContenders() });
    const text = stdout.replaceAll(/\s+/g, " ");
    expect(text).toContain("some of kmem = slab = kmalloc, glibc, ");
    expect(text).toContain(", region-worst, region-first, bucket, buddy, cluster; or all");
  });
});
