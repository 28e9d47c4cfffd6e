import { describe, expect, it } from "vitest";
import { badFrees } from "./bad-frees.ts";
import { CleanProgram } from "./clean.ts";
import { cleanThreads } from "./clean-threads.ts";
import { CORRUPTION_KINDS, CorruptionCampaign, CorruptionTotals } from "./corruption.ts";

/** `npm run test:debug` does as many as it is told. */
const CORRUPTIONS = 160;
const CLEAN_OPERATIONS = 20_000;
const THREADED_OPERATIONS = 20_000;
const BAD_FREES = 1000;
const SEED = 1;

describe("a debugged heap", () => {
  it("finds every byte that is overwritten next to or in a freed block, and says which", () => {
    const campaign = new CorruptionCampaign(SEED);
    const totals = new CorruptionTotals();
    for (let number = 0; number < CORRUPTIONS; number++) totals.add(campaign.run(number));
    console.log(totals.text);
    expect(totals.missed).toEqual([]);
    for (const kind of CORRUPTION_KINDS) expect(totals.text).toContain(`| ${kind} | 20 |`);
    expect(campaign.findings()).toEqual([]);
  });

  it("finds no more than its letters look for", () => {
    const found = (debug: string): string[] => {
      const campaign = new CorruptionCampaign(SEED, debug);
      const ones = Array.from({ length: CORRUPTION_KINDS.length }, (_, number) => campaign.run(number));
      return ones.filter(({ isFound }) => isFound).map(({ kind }) => kind);
    };
    expect(found("Z")).toEqual(CORRUPTION_KINDS.slice(0, 6));
    expect(found("P")).toEqual(CORRUPTION_KINDS.slice(5));
    expect(found("-")).toEqual(["record"]);
  });

  it.each([SEED, SEED + 1])("reports nothing of a program that makes no mistakes, seed %i", (seed) => {
    const { operations, reports, findings } = new CleanProgram(seed).run(CLEAN_OPERATIONS / 2);
    expect([operations, reports, findings]).toEqual([CLEAN_OPERATIONS / 2, [], []]);
  });

  it("reports nothing of two threads that make no mistakes", async () => {
    const { operations, reports, findings } = await cleanThreads(THREADED_OPERATIONS);
    expect([reports, findings]).toEqual([[], []]);
    expect(operations).toBeGreaterThan(THREADED_OPERATIONS / 2);
  });
});

describe("a heap that is not debugged", () => {
  it("refuses every double free, invalid free and free of a foreign address", () => {
    expect(badFrees(BAD_FREES, SEED)).toEqual([]);
  });
});
