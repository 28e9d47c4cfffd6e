import { describe, expect, it } from "vitest";
import { detectForm } from "../../src/forms/detect-form.ts";
import { TRACE_FORMS } from "../../src/forms/known-forms.ts";
import { TraceCampaign } from "./campaign.ts";
import { samples } from "./samples.ts";

/** The long form: npm run test:traces -- COUNT SEED. */
const CASES = 640;
const SEED = 5;

describe("the readers of all forms", () => {
  it("have a sample each, which is recognised", () => {
    const known = new Set<string>();
    for (const [name, bytes] of samples()) {
      const id = name.split(" ")[0]!;
      expect(detectForm(bytes, "bytes").id).toBe(id);
      known.add(id);
    }
    expect([...known].sort()).toEqual(TRACE_FORMS.map(({ id }) => id).sort());
  });

  it(`end with operations that can be, or a reason, whatever they are given (${CASES} mutated traces)`, async () => {
    const campaign = new TraceCampaign(SEED);
    for (let number = 0; number < CASES; number += 1) {
      const { fault } = await campaign.run(number);
      expect(fault, `case ${number} of seed ${SEED}`).toBeUndefined();
    }
  });
});
