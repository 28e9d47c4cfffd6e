import { expect, it } from "vitest";
import { regionCost } from "../../src/costs/region-cost.ts";

it("measures what a pair of kfree and kmalloc costs", () => {
  const { chunks, worstFitNs, firstFitNs } = regionCost(10, 1000);
  expect(chunks).toBe(10);
  expect(worstFitNs).toBeGreaterThan(0);
  expect(firstFitNs).toBeGreaterThan(0);
});
