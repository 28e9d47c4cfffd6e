import { describe, expect, it } from "vitest";
import { kmallocCampaign, pageCampaign } from "../../campaigns/atomik.ts";

const OPERATIONS = 30_000;

// The campaigns throw at the first difference from their models; the same functions run a million operations by hand.
describe("a campaign of random operations beside a plain model", () => {
  it.each([1, 2])("of kmalloc, kmalloc_fast and kfree: seed %i", (seed) => {
    const report = kmallocCampaign(OPERATIONS, seed);
    expect(report.operations).toBe(OPERATIONS);
    for (const count of [report.allocations, report.frees]) expect(count).toBeGreaterThan(OPERATIONS / 4);
    for (const count of [report.exhausted, report.refused]) expect(count).toBeGreaterThan(OPERATIONS / 100);
  });

  it("of page_alloc and page_free", () => {
    const report = pageCampaign(OPERATIONS, 1);
    expect(report.operations).toBe(OPERATIONS);
    for (const count of [report.allocations, report.frees]) expect(count).toBeGreaterThan(OPERATIONS / 4);
    for (const count of [report.exhausted, report.refused]) expect(count).toBeGreaterThan(OPERATIONS / 100);
  });
});
