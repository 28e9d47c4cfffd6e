import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Machine } from "./explore/machine.ts";
import { InstrumentedLibrary } from "./library.ts";
import type * as Original from "./programs/syntax.ts";
import { callbacks, control, operators, wide } from "./programs/syntax.ts";
import type { TwoForms } from "./runtime/steps.ts";
import type { ThreadBody } from "./runtime/virtual-thread.ts";
import { transform } from "./transform/transform.ts";

const programs = fileURLToPath(new URL("programs", import.meta.url));

function arrays(): Original.Arrays {
  const shared = new Int32Array(new SharedArrayBuffer(32));
  shared.set([3, 1, 4, 1, 5, 9, 2, 6]);
  return { shared, plain: [0, 5, 3, 2, 7] };
}

function codeOf(text: string, constants: Record<string, string> = {}): string {
  const { modules } = transform([{ path: "a.ts", text }], { entries: ["a.ts"], constants });
  return modules.get("a.ts") ?? "";
}

describe("instrumented code", () => {
  const original = { operators, wide, callbacks, control };
  const names = ["operators", "wide", "callbacks", "control"] as const;

  it.each(names)("does in its plain form what the original does: %s", (name) => {
    const library = new InstrumentedLibrary(programs, { entries: ["syntax.ts"] });
    const instrumented = library.realm().module<typeof Original>("syntax.ts");
    const [expected, given] = [arrays(), arrays()];
    expect(instrumented[name](given)).toEqual(original[name](expected));
    expect(given).toEqual(expected);
  });

  it.each(names)("does in steps what the original does, whether it stops at every access or at none: %s", (name) => {
    for (const stopsEverywhere of [true, false]) {
      const library = new InstrumentedLibrary(programs, { entries: ["syntax.ts"] });
      library.runtime.stopsEverywhere = stopsEverywhere;
      const module = library.realm().module<Record<string, TwoForms>>("syntax.ts");
      const [expected, given] = [arrays(), arrays()];
      const machine = new Machine(library.runtime, [module[name]?.$g?.(given) as unknown as ThreadBody]);
      machine.start();
      let steps = 0;
      for (; machine.enabled() !== 0; steps++) machine.step(0);
      expect(machine.threads[0]?.error).toBeUndefined();
      expect(machine.threads[0]?.result).toEqual(original[name](expected));
      expect(given).toEqual(expected);
      if (stopsEverywhere) expect(steps).toBeGreaterThan(10);
      else expect(steps).toBe(0);
      expect([...library.runtime.unplacedSites]).toEqual([]);
    }
  });

  it("counts the same accesses whether it stops or not, so that schedules can be had again", () => {
    const ordinals = [true, false].map((stopsEverywhere) => {
      const library = new InstrumentedLibrary(programs, { entries: ["syntax.ts"] });
      library.runtime.stopsEverywhere = stopsEverywhere;
      const module = library.realm().module<Record<string, TwoForms>>("syntax.ts");
      return names.map((name) => {
        const machine = new Machine(library.runtime, [module[name]?.$g?.(arrays()) as unknown as ThreadBody]);
        machine.start();
        while (machine.enabled() !== 0) machine.step(0);
        return machine.threads[0]?.ordinal;
      });
    });
    expect(ordinals[0]).toEqual(ordinals[1]);
  });
});

describe("the transform", () => {
  it("replaces the constants it is told to, and misses none in silence", () => {
    const text = "const LIMIT = 256;\nexport function limit(): number { return LIMIT; }\n";
    expect(codeOf(text, { "a.ts LIMIT": "1" })).toContain("const LIMIT = 1;");
    expect(() => codeOf(text, { "a.ts LIMITS": "1" })).toThrow("there is no constant a.ts LIMITS to replace");
  });

  it("refuses what it cannot instrument, with the place", () => {
    expect(() => codeOf("const words = [1, 2];\n[words[0], words[1]] = [2, 1];\n")).toThrow("a.ts:2: an element");
    expect(() => codeOf("export default 1;\n")).toThrow("a.ts:1: a default export");
    expect(() => codeOf("class A extends B { f(): void { super.f(); } }\n")).toThrow("a method of the base class");
    expect(() => codeOf('import { b } from "./b.ts";\nb();\n')).toThrow("there is no module b.ts");
  });

  it("gives each realm objects of its own", () => {
    const library = new InstrumentedLibrary(programs, { entries: ["syntax.ts"] });
    const [one, other] = [library.realm(), library.realm()].map((realm) => realm.module<typeof Original>("syntax.ts"));
    expect(one?.Cell).not.toBe(other?.Cell);
  });
});
