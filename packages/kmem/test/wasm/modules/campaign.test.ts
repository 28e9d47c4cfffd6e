import { expect, it } from "vitest";
import { programModules, smallModules } from "./base-modules.ts";
import { ModuleCampaign, type ModuleCase } from "./campaign.ts";

const CASES = 500;
const OF_PROGRAMS = 12;

it(`${CASES} mutated modules are adopted to valid ones, or refused with a code`, () => {
  const small = new ModuleCampaign(1, smallModules());
  const large = new ModuleCampaign(1, programModules());
  const cases: ModuleCase[] = Array.from({ length: CASES }, (_, number) => small.run(number));
  for (let number = 0; number < OF_PROGRAMS; number++) cases.push(large.run(number));
  expect(cases.filter(({ fault }) => fault !== undefined)).toEqual([]);
  // Both happen often, or the test would test nothing.
  for (const outcome of ["adopted", "refused"]) {
    expect(cases.filter((one) => one.outcome === outcome).length).toBeGreaterThan(CASES / 10);
  }
});
