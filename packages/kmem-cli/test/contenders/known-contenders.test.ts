import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { heapContender, packageModule } from "../../src/contenders/heap-contender.ts";
import { knownContenders } from "../../src/contenders/known-contenders.ts";
import { type Contender, defaultContenders, isReady, type ReadyContender } from "../../src/replay/contender.ts";
import type { AccountResult, CheckResult, Job, TimeResult } from "../../src/replay/jobs.ts";
import { runProcess } from "../../src/system/run-process.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { writeOps } from "../replay/support.ts";
import { withTempDir } from "../trace/support.ts";

async function ready(contender: Contender): Promise<ReadyContender> {
  const prepared = await contender.prepare();
  if (!isReady(prepared)) throw new Error(prepared.reason);
  return prepared;
}

async function run(contender: Contender, job: (opsPath: string, closingPath: string) => Job): Promise<unknown> {
  return withTempDir(async (folder) => {
    const opsPath = join(folder, "ops");
    const closingPath = join(folder, "closing");
    writeOps(opsPath, [[OP.MALLOC, 0, 0, 100, 0]]);
    writeOps(closingPath, [[OP.FREE, 0, 0, 100, 0]]);
    return JSON.parse(await runProcess((await ready(contender)).command(job(opsPath, closingPath))));
  });
}

const kind = "blocks";

describe("the contenders", () => {
  const names = (contenders: readonly Contender[]): string[] => contenders.map(({ name }) => name);
  const NATIVES = ["glibc", "jemalloc", "mimalloc", "tcmalloc"];
  const PEERS = ["wasm-dlmalloc", "emmalloc", "uint8array"];
  const ENGINES = ["region-worst", "region-first", "bucket", "buddy", "cluster"];

  it("are kmem first, then the native ones, its debugged heap and the peers, then its engines", () => {
    const contenders = knownContenders();
    expect(names(contenders)).toEqual(["kmem", ...NATIVES, "kmem-unchecked", "kmem-fzpu", ...PEERS, ...ENGINES]);
    expect(names(contenders.filter(({ isNative }) => !isNative))).toEqual([
      "kmem",
      "kmem-unchecked",
      "kmem-fzpu",
      ...PEERS,
      ...ENGINES,
    ]);
    expect(names(contenders.filter(({ canCheck }) => canCheck))).toEqual([
      "kmem",
      "kmem-unchecked",
      "kmem-fzpu",
      ...ENGINES,
    ]);
  });

  it("are without those and the engines where nobody names one", () => {
    expect(names(defaultContenders(knownContenders()))).toEqual(["kmem", ...NATIVES]);
  });

  it("know the version of kmem", async () => {
    expect((await ready(knownContenders()[0]!)).version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe("the process of a contender in JavaScript", () => {
  const kmem = heapContender("kmem", packageModule("contenders/kmem"), "0");

  it("times", async () => {
    const passes = { warmupMs: 0, timedCount: 3 };
    const result = await run(kmem, (opsPath, closingPath) => ({ mode: "time", kind, opsPath, closingPath, passes }));
    expect((result as TimeResult).passNs).toHaveLength(3);
  });

  it("accounts", async () => {
    const result = await run(kmem, (opsPath) => ({ mode: "account", kind, opsPath }));
    expect(result as AccountResult).toMatchObject({ opCount: 1, requestedBytes: 100, allocatedBytes: 112 });
  });

  it("checks", async () => {
    const result = await run(kmem, (opsPath, closingPath) => ({
      mode: "check",
      kind,
      opsPath,
      closingPath,
      checkEvery: 1,
    }));
    // After each operation, the closing one too, and at the end.
    expect(result as CheckResult).toMatchObject({ opCount: 1, heapCheckCount: 3, faultCount: 0 });
  });

  it("says why it broke", async () => {
    const broken = heapContender("broken", new URL("../replay/breaking-heap.ts", import.meta.url), "0");
    await expect(run(broken, (opsPath) => ({ mode: "account", kind, opsPath }))).rejects.toThrow(
      "ended with exit code 1: TypeError: this heap cannot be made",
    );
  });
});
