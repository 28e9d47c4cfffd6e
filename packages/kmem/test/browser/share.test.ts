import { expect, it } from "vitest";
import { MIB } from "../support/memories.ts";
import type { Outcome } from "./pages/share.ts";
import { describeInChromium } from "./support/in-chromium.ts";
import type { ModulePage } from "./support/page-modules.ts";

const THREADS = 3;

function expectFairTrade({ parts, findings, after }: Outcome, leastForeignFrees: number): void {
  expect(new Set(parts.map(({ slot }) => slot)).size).toBe(THREADS);
  for (const { faults, allocations, foreignFrees } of parts) {
    expect(faults).toEqual([]);
    expect(foreignFrees).toBeGreaterThanOrEqual(leastForeignFrees);
    expect(allocations).toBeGreaterThan(foreignFrees / THREADS);
  }
  expect(findings).toEqual([]);
  expect(after.liveBlocks).toBe(0);
}

describeInChromium("a heap that a page shares with two dedicated workers", (openPage) => {
  type Functions = typeof import("./pages/share.ts");
  const open = (): Promise<ModulePage<Functions>> => openPage<Functions>("isolated", "share.ts");

  it("serves all three at once, whoever frees what another has made, and ends as it began", async () => {
    const page = await open();
    const work = { workerCount: THREADS - 1, limitBytes: 20_000, foreignFrees: 1000 };
    const outcome = await page.call("tradeWithWorkers", { sizeBytes: 16 * MIB }, work);
    expectFairTrade(outcome, work.foreignFrees);
    expect(outcome.after).toEqual(outcome.before);
  });

  it("serves all three at once while its memory grows", async () => {
    const page = await open();
    const work = { workerCount: THREADS - 1, limitBytes: 400_000, foreignFrees: 300 };
    const outcome = await page.call("tradeWithWorkers", { sizeBytes: MIB, maximumBytes: 128 * MIB }, work);
    expectFairTrade(outcome, work.foreignFrees);
    const { before, after } = outcome;
    const grownBytes = after.endAddress - before.endAddress;
    expect(grownBytes).toBeGreaterThan(0);
    expect(after.bytes).toEqual({
      ...before.bytes,
      totalBytes: before.bytes.totalBytes + grownBytes,
      freePageBytes: before.bytes.freePageBytes + grownBytes,
    });
  });
});

describeInChromium("memory that grows under a page and a worker", (openPage) => {
  it("is seen by each of them at once, whichever of them it was that needed more", async () => {
    const page = await openPage<typeof import("./pages/share.ts")>("isolated", "share.ts");
    const memory = { sizeBytes: MIB, maximumBytes: 64 * MIB };
    const { endAddresses, ...rest } = await page.call("growInTurns", memory, 8, MIB / 2);
    expect(rest).toEqual({ spoilt: [], liveBlocks: 0, findings: [] });
    const [first = 0, grownByWorker = 0, grownByPage = 0] = endAddresses;
    expect(grownByWorker).toBeGreaterThan(first);
    expect(grownByPage).toBeGreaterThan(grownByWorker);
  });
});
