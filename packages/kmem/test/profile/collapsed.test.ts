import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { collapsedText, PROFILE_FIGURES, totalOf } from "../../src/profile/index.ts";
import { anyProfile, NATIVE, PARSE, SMALL, shownName } from "./profiles.ts";

interface Collapsed {
  /** Outermost first. */
  readonly names: readonly string[];
  readonly total: number;
}

/** Reads collapsed stacks as speedscope does: what is behind the last blank is the number. */
function readCollapsed(text: string): Collapsed[] {
  const lines = text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/);
  expect(lines.pop()).toBe("");
  return lines.map((line) => {
    const [, names, total] = /^(.*) (\d+)$/.exec(line) ?? [];
    expect(names, `"${line}" is no collapsed stack`).toBeDefined();
    return { names: names.split(";"), total: Number(total) };
  });
}

/** Whether flamegraph.pl would take the line for one of two profiles: it has two numbers at its end. */
function hasTwoNumbers(line: string): boolean {
  return /\s\d+(?:\.\d*)?\s+\d+(?:\.\d*)?$/.test(line);
}

describe("collapsed stacks", () => {
  it("have a line for each stack with what lives there, outermost first", () => {
    expect(collapsedText(SMALL)).toBe(
      "main;parse 128\nmain;parse;Array.map;(anonymous app.js:20) 4096\n(unknown) 48\n",
    );
  });

  it("add up what equal stacks have", () => {
    expect(collapsedText(SMALL, { figure: "allocBytes" })).toContain("main;parse 4520\n");
    expect(collapsedText(SMALL, { figure: "allocCount" })).toContain("main;parse 12\n");
    expect(collapsedText(SMALL, { figure: "liveCount" })).toContain("main;parse 2\n");
  });

  it("say files and lines where asked", () => {
    expect(collapsedText(SMALL, { withPlaces: true })).toContain(
      "main (file:///srv/app.js:3);parse (file:///srv/app.js:10);Array.map;(anonymous app.js:20) 4096\n",
    );
  });

  it("are empty where nothing is to be shown", () => {
    expect(collapsedText({ ...SMALL, samples: [] })).toBe("");
    expect(collapsedText({ ...SMALL, samples: [SMALL.samples[2]] })).toBe("");
  });

  it.each([
    ["a;b", "a:b"],
    ["a\r\nb", "a b"],
    ["f 12", "f_12"],
    ["f 1.5", "f_1.5"],
    [" ", "(blank)"],
    ["ünïcödé 😀", "ünïcödé 😀"],
    ["\ud800", "\ufffd"],
  ])("have a function named %j as %j", (functionName, shown) => {
    const sample = { ...SMALL.samples[0], stack: [{ ...PARSE, functionName }, NATIVE] };
    expect(collapsedText({ ...SMALL, samples: [sample] })).toBe(`Array.map;${shown} 128\n`);
  });

  it("keep the totals of any profile, and as many names as there were frames", () => {
    fc.assert(
      fc.property(anyProfile, fc.constantFrom(...PROFILE_FIGURES), fc.boolean(), (any, figure, withPlaces) => {
        const text = collapsedText(any, { figure, withPlaces });
        const read = readCollapsed(text);
        expect(read.reduce((sum, { total }) => sum + total, 0)).toBe(totalOf(any, figure));
        expect(text.split("\n").filter(hasTwoNumbers)).toEqual([]);
        const depths = any.samples.filter((sample) => sample[figure] > 0).map(({ stack }) => stack.length || 1);
        expect(new Set(read.map(({ names }) => names.length))).toEqual(new Set(depths));
        expect(read.flatMap(({ names }) => names)).not.toContain("");
      }),
      { numRuns: 300, seed: 6 },
    );
  });

  it("keep every name that has nothing to replace", () => {
    const plainName = fc.stringMatching(/^[\p{L}<>.#$]{1,12}( [\p{L}]{1,4})?$/u);
    fc.assert(
      fc.property(fc.array(plainName, { minLength: 1, maxLength: 5 }), (names) => {
        const stack = names.map((functionName) => ({ ...PARSE, functionName }));
        const [read] = readCollapsed(collapsedText({ ...SMALL, samples: [{ ...SMALL.samples[0], stack }] }));
        expect(read.names.toReversed()).toEqual(stack.map(shownName));
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});
