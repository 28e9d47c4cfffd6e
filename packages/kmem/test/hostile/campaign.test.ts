import { describe, expect, it } from "vitest";
import { HostileCampaign, HostileTotals, ROUND_CALLS } from "./campaign.ts";

/** A part of the campaign that `npm run test:hostile` runs to its end. */
const CALLS = 1280;
const SEED = 13;

describe("hostile and nearly right values in any places of any function of the library", () => {
  it("meet nothing but refusals that change no byte, or answers, and none hangs", async () => {
    const campaign = await HostileCampaign.create(SEED);
    const totals = new HostileTotals();
    const faults: string[] = [];
    for (let number = 0; number < CALLS / ROUND_CALLS; number++) {
      const round = await campaign.round(number);
      totals.add(round);
      faults.push(...round.faults);
    }
    expect(faults).toEqual([]);
    expect(totals.calls).toBe(CALLS);
    expect(totals.refused).toBeGreaterThan(CALLS / 4);
    expect(totals.answered).toBeGreaterThan(CALLS / 8);
  });
});
