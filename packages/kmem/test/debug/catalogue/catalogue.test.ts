import { describe, expect, it } from "vitest";
import { DebugLetter } from "../../../src/debug/layout.ts";
import { playDebugged, playPlain } from "./case.ts";
import { CASES } from "./cases.ts";

const FINDERS = "FZPU";

describe.each(CASES.map((one) => [`${one.suite}, ${one.name}`, one] as const))("%s", (_, one) => {
  it(`finds ${one.found}: ${one.what}`, () => {
    const { moment, says, isChecked, left } = playDebugged(one, FINDERS);
    expect(says).toEqual(one.says);
    expect([moment, isChecked]).toEqual([one.found, one.isChecked]);
    // What is found is repaired, and what is refused changes nothing.
    expect(left).toEqual([]);
  });

  it(`needs ${one.letter === undefined ? "no letter" : `the letter ${one.letter} and no other`}`, () => {
    expect(playDebugged(one, one.letter ?? "-").moment).toBe(one.found);
    if (one.letter !== undefined) expect(playDebugged(one, FINDERS.replace(one.letter, "")).moment).toBe("never");
  });

  it(`is found ${one.plain} in a heap that is not debugged`, () => {
    expect(playPlain(one).moment).toBe(one.plain);
  });
});

describe("the catalogue", () => {
  it("names no case twice, and only letters that there are", () => {
    const names = CASES.map(({ suite, name }) => `${suite} ${name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { letter = "F" } of CASES) expect(DebugLetter).toHaveProperty(letter);
  });
});
