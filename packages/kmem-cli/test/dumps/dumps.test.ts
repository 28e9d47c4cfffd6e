import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { countSteps, StepBudget, TooManySteps } from "./steps.ts";

const RUN = fileURLToPath(new URL("run.ts", import.meta.url));
const CASES = 30;
const SEED = 11;

/** Runs code with so many steps. */
function runCounted(code: string, limit: number): unknown {
  const budget = new StepBudget();
  budget.begin(limit);
  return new Function("kmemSteps", countSteps(code).replace("export default", "return"))(budget);
}

describe("the counter of steps", () => {
  it.each([
    ["for (;;);"],
    ["while (true) {}"],
    ["do ; while (true);"],
    ["for (const one of [1]) for (const two in { a: 1 }) for (;;) continue;"],
    ["Array.from({ length: 1e9 }, (_, index) => ({ index }));"],
    ["outer: for (;;) { if (true) continue outer; else break; }"],
  ])("ends %s", (code) => {
    expect(() => runCounted(code, 1000)).toThrow(TooManySteps);
  });

  it("leaves the code as it was otherwise", () => {
    const code = `
      let sum = 0;
      for (let index = 0; index < 4; index++) if (index % 2 === 0) sum += index; else sum -= 1;
      const pair = (a) => (b) => ({ a, b, list: [a, b].map((one) => one * 2) });
      export default [sum, pair(1)(2)];`;
    expect(runCounted(code, 100)).toEqual([0, { a: 1, b: 2, list: [2, 4] }]);
  });
});

it(`${CASES} mutated dumps through every command: no untyped error, and no end to none`, () => {
  const { stdout, status } = spawnSync(process.execPath, [RUN, String(CASES), String(SEED)], { encoding: "utf8" });
  expect(stdout).toMatch(new RegExp(`^${CASES} dumps, seed ${SEED}: \\d+ read, \\d+ refused, 0 faults;`, "m"));
  expect(status).toBe(0);
}, 600_000);

it("a damaged record whose red zone reaches far is not printed whole", () => {
  // Found by the campaign: 400 million steps for a dump of 224 pages.
  const { stdout, status } = spawnSync(process.execPath, [RUN, "1", "20261130", "1153"], { encoding: "utf8" });
  expect(stdout).toMatch(/^1 dumps, seed 20261130: \d+ read, \d+ refused, 0 faults;/m);
  expect(status).toBe(0);
}, 600_000);
