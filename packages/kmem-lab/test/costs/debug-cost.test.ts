import { expect, it } from "vitest";
import { MODE_NAMES, modeCost } from "../../src/costs/debug-cost.ts";

it("measures what a mode that finds memory bugs costs", () => {
  expect(MODE_NAMES[0]).toBe("off");
  const { nsPerOperation, footprint } = modeCost("DebugHeap without letters");
  expect(nsPerOperation).toBeGreaterThan(0);
  expect(footprint).toBeGreaterThan(1);
});

it("refuses a mode that there is not", () => {
  expect(() => modeCost("none")).toThrow("no mode is called none");
});
