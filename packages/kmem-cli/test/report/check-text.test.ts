import { describe, expect, it } from "vitest";
import { checkText } from "../../src/report/check-text.ts";
import { plain, result, trace, workload } from "./support.ts";

const CLEAN = { opCount: 1000, failureCount: 0, heapCheckCount: 3, faultCount: 0, faults: [] };

describe("the text of the checks", () => {
  it("has a line for each workload that was checked", () => {
    const traces = [
      trace("app", workload([result("kmem", 1, { check: CLEAN }), result("glibc", 1)])),
      trace("boot", workload([result("kmem", 1, { check: CLEAN })], { kind: "pages" })),
    ];
    expect(`\n${checkText(traces, plain())}\n`).toBe(`
checks       allocator  operations  heap checks  faults
───────────────────────────────────────────────────────
app               kmem       1,000            3    none
boot, pages       kmem       1,000            3    none
`);
  });

  it("lists the faults, and counts those that it has not", () => {
    const faults = [
      { operation: 1234, problem: "slot 1 is broken" },
      { operation: 5678, problem: "slot 2 as well" },
    ];
    const check = { ...CLEAN, faultCount: 5, faults };
    const text = checkText([trace("app", workload([result("kmem", 1, { check })]))], plain());
    expect(text!.split("\n").slice(2)).toEqual([
      "app          kmem       1,000            3       5",
      "",
      "faults of kmem on app",
      "  operation 1,234: slot 1 is broken",
      "  operation 5,678: slot 2 as well",
      "  and 3 more",
    ]);
  });

  it("is not there when nothing was checked", () => {
    expect(checkText([trace("app", workload([result("kmem", 1)]))], plain())).toBeUndefined();
  });
});
