import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createHeap } from "../../src/contenders/kmem.ts";
import { knownContenders } from "../../src/contenders/known-contenders.ts";
import { nativeContender } from "../../src/contenders/native-contender.ts";
import { GLIBC, preloadedMalloc } from "../../src/contenders/native-malloc.ts";
import { isReady } from "../../src/replay/contender.ts";
import { accountOps } from "../../src/replay/footprint-of-ops.ts";
import type { AccountResult, Job, TimeResult } from "../../src/replay/jobs.ts";
import { runProcess } from "../../src/system/run-process.ts";
import { OP } from "../../src/trace/op-stream.ts";
import { bundledWorkloads, writeOps } from "../replay/support.ts";
import { type OpTuple, withTempDir } from "../trace/support.ts";
import { NATIVE_MISSING, NATIVE_NOTE } from "./support.ts";

async function glibc(job: Job): Promise<unknown> {
  const ready = await nativeContender(GLIBC).prepare();
  if (!isReady(ready)) throw new Error(ready.reason);
  return JSON.parse(await runProcess(ready.command(job)));
}

function accountOf(kind: "blocks" | "pages", ops: readonly OpTuple[]): Promise<AccountResult> {
  return withTempDir(async (folder) => {
    const opsPath = join(folder, "ops");
    writeOps(opsPath, ops);
    return (await glibc({ mode: "account", kind, opsPath })) as AccountResult;
  });
}

const MIB = 2 ** 20;

describe.skipIf(NATIVE_MISSING)(`glibc's malloc${NATIVE_NOTE}`, () => {
  it.each(["sqlite_file.trace.zst", "mid-6.12-hashedptr.trace.txt.zst"])(
    "is asked for the same as kmem: %s",
    async (file) => {
      await withTempDir(async (folder) => {
        for (const { kind, opsPath, opCount, live } of await bundledWorkloads(file, folder)) {
          const job = { mode: "account", kind, opsPath } as const;
          const native = (await glibc(job)) as AccountResult;
          const { requestedBytes, peakLiveBytes } = accountOps(createHeap(live), job);
          expect(native).toMatchObject({ opCount, failureCount: 0, requestedBytes, peakLiveBytes });
          expect(native.allocatedBytes).toBeGreaterThanOrEqual(requestedBytes);
          expect(native.peakFootprintBytes).toBeGreaterThanOrEqual(peakLiveBytes * 0.95);
          expect(native.peakFootprintBytes).toBeLessThan(peakLiveBytes * 3);
        }
      });
    },
  );

  it("touches what it gets, as far as it gets it", async () => {
    const account = await accountOf("blocks", [
      [OP.MALLOC, 0, 0, 8 * MIB, 0],
      [OP.FREE, 0, 0, 8 * MIB, 0],
      [OP.MALLOC, 0, 1, 2 * MIB, 0],
      [OP.REALLOC, 0, 1, 0, 2 * MIB],
      [OP.FREE, 0, 1, 0, 0],
    ]);
    expect(account).toMatchObject({ requestedBytes: 10 * MIB, peakLiveBytes: 8 * MIB, failureCount: 0 });
    expect(account.peakFootprintBytes).toBeGreaterThanOrEqual(8 * MIB);
    expect(account.peakFootprintBytes).toBeLessThan(9 * MIB);
  });

  it("frees a block of pages when the last piece is back", async () => {
    const account = await accountOf("pages", [
      [OP.PAGE_ALLOC, 0, 0, 10, 0],
      [OP.PAGE_FREE, 0, 0, 1000, 24],
      [OP.PAGE_ALLOC, 0, 1, 10, 0],
      [OP.PAGE_FREE, 0, 0, 24, 0],
      [OP.PAGE_ALLOC, 0, 2, 10, 0],
    ]);
    expect(account).toMatchObject({ requestedBytes: 12 * MIB, peakLiveBytes: 8 * MIB });
    expect(account.peakFootprintBytes).toBeGreaterThanOrEqual(8 * MIB);
    expect(account.peakFootprintBytes).toBeLessThan(9 * MIB);
  });

  it("counts what is refused, and goes on with what is there", async () => {
    await withTempDir(async (folder) => {
      const opsPath = join(folder, "ops");
      writeOps(opsPath, [
        [OP.MALLOC, 0, 0, 1000, 0],
        [OP.REALLOC, 0, 0, 0x8000_0000, 1000],
        [OP.MALLOC, 0, 1, 0x8000_0000, 0],
        [OP.ALIGNED, 31, 2, 16, 0],
        [OP.PAGE_ALLOC, 0, 3, 13, 0],
        [OP.PAGE_FREE, 0, 3, 8192, 0],
        [OP.FREE, 0, 1, 0x8000_0000, 0],
        [OP.FREE, 0, 0, 0x8000_0000, 0],
        [OP.CALLOC, 0, 4, 3000, 0],
      ]);
      const ready = await nativeContender(GLIBC).prepare();
      if (!isReady(ready)) throw new Error(ready.reason);
      const { file, args } = ready.command({ mode: "account", kind: "blocks", opsPath });
      // 200 MB of addresses: enough for the program and the smaller blocks.
      const limited = ["-c", 'ulimit -v 200000 && exec "$0" "$@"', file, ...args];
      const account = JSON.parse(await runProcess({ file: "sh", args: limited })) as AccountResult;
      expect(account).toMatchObject({
        opCount: 9,
        failureCount: 3,
        requestedBytes: 1000 + 32 * MIB + 3000,
        peakLiveBytes: 1000 + 32 * MIB,
      });
    });
  });

  it("is timed over as many passes as planned", async () => {
    await withTempDir(async (folder) => {
      const [workload] = await bundledWorkloads("sqlite_file.trace.zst", folder);
      const { kind, opsPath, closingPath, opCount } = workload!;
      const passes = { warmupMs: 1, timedCount: 5 };
      const result = (await glibc({ mode: "time", kind, opsPath, closingPath, passes })) as TimeResult;
      expect(result).toMatchObject({ opCount, failureCount: 0 });
      expect(result.passNs).toHaveLength(5);
      // Between a tenth of a nanosecond and a millisecond an operation, on any machine.
      for (const ns of result.passNs) expect(ns / opCount).toBeGreaterThan(0.1);
      for (const ns of result.passNs) expect(ns / opCount).toBeLessThan(1e6);
    });
  });
});

describe.skipIf(NATIVE_MISSING)(`a preloaded malloc${NATIVE_NOTE}`, () => {
  it("is the one that the process has, or absent with a reason", async () => {
    const preloaded = knownContenders().filter(({ name, isNative }) => isNative && name !== "glibc");
    for (const prepared of await Promise.all(preloaded.map((contender) => contender.prepare()))) {
      if (isReady(prepared)) {
        const command = prepared.command({ mode: "account", kind: "blocks", opsPath: "" });
        const provider = await runProcess({ ...command, args: ["probe"] });
        expect(provider).toContain(prepared.name);
      } else {
        expect(prepared.reason).toMatch(/^no lib\w+( or lib\w+)* is installed$/);
      }
    }
  });

  it("is absent where no library has the name", async () => {
    const prepared = await nativeContender(preloadedMalloc("nomalloc", ["libnomalloc", "libnever"])).prepare();
    expect(prepared).toEqual({ name: "nomalloc", reason: "no libnomalloc or libnever is installed" });
  });

  it("is absent where the library has no malloc", async () => {
    const prepared = await nativeContender(preloadedMalloc("math", ["libm"])).prepare();
    expect(prepared).toEqual({ name: "math", reason: "no libm is installed" });
  });
});
