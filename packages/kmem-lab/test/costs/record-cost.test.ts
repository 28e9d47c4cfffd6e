import { expect, it } from "vitest";
import { recordCost } from "../../src/costs/record-cost.ts";

it("measures a call of a heap, recorded and not", () => {
  for (const isRecorded of [false, true]) {
    expect(recordCost(JSON.stringify({ slotCount: 2, isRecorded }))).toBeGreaterThan(0);
  }
});
