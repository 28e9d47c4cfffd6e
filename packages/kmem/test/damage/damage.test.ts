import { describe, expect, it } from "vitest";
import { caseText, DamageCampaign, DamageTotals } from "./campaign.ts";

/** `npm run test:damage` does as many as it is told. */
const CASES = 60;
const SEED = 1;
/** A case that computes for so long, hundreds of times what one needs, would be on the way to no end. */
const LONG_CPU_MS = 10_000;

describe("random damage to a heap's metadata", () => {
  it("is reported and repaired, or refused, or harmless", () => {
    const campaign = new DamageCampaign(SEED);
    const totals = new DamageTotals();
    const faults: string[] = [];
    for (let number = 0; number < CASES; number++) {
      const one = campaign.run(number);
      totals.add(one);
      if (one.outcome === "fault") faults.push(caseText(one));
    }
    console.log(totals.text);
    expect(faults).toEqual([]);
    expect(totals.longestCpuMs).toBeLessThan(LONG_CPU_MS);
    for (const part of ["header", "zones", "slots", "caches", "frame records", "kinds", "tags"]) {
      expect(totals.parts.get(part)).toBeGreaterThan(CASES / 20);
    }
    for (const part of ["areas", "remote sheaves", "groups", "barns"]) {
      expect(totals.parts.get(part)).toBeGreaterThan(CASES / 40);
    }
    expect(totals.counts.get("repaired")).toBeGreaterThan(CASES / 4);
    expect(totals.counts.get("harmless")).toBeGreaterThan(CASES / 20);
  });

  // Such damage once had a recovery take the lock that it held itself.
  it.each([2427, 6542])("to the record of the slot that recovers is no fault: case %s of seed 8", (number) => {
    expect(new DamageCampaign(8).run(number).outcome).not.toBe("fault");
  });
});
