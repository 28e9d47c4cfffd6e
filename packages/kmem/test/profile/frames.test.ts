import { describe, expect, it } from "vitest";
import { frameKey, frameName, knownStack, Numbering } from "../../src/profile/frames.ts";
import { MAIN, NAMELESS, NATIVE, SMALL } from "./profiles.ts";

describe("the name of a frame", () => {
  it.each([
    ["its function's", MAIN, "main"],
    ["its place where the function has none", NAMELESS, "(anonymous app.js:20)"],
    ["the file alone where the line is not known", { ...NAMELESS, line: 0 }, "(anonymous app.js)"],
    [
      "the whole url where that ends like a folder's",
      { ...NAMELESS, url: "http://a.test/" },
      "(anonymous http://a.test/:20)",
    ],
    ["one for all where nothing is known", { ...NATIVE, functionName: "" }, "(anonymous)"],
    ["without halves of characters", { ...MAIN, functionName: "a\udc00" }, "a\ufffd"],
  ])("is %s", (_what, frame, name) => {
    expect(frameName(frame)).toBe(name);
  });
});

describe("frames", () => {
  it("have the same key only if they are equal", () => {
    const frames = [
      MAIN,
      { ...MAIN, functionName: "other" },
      { ...MAIN, url: "other" },
      { ...MAIN, line: 4 },
      { ...MAIN, column: 2 },
      { ...MAIN, line: 31, column: 0 },
      { ...MAIN, functionName: `main","url` },
    ];
    expect(new Set(frames.map(frameKey)).size).toBe(frames.length);
    expect(frameKey({ ...MAIN })).toBe(frameKey(MAIN));
  });

  it("are never none: what has no stack is unknown", () => {
    expect(knownStack(SMALL.samples[0])).toBe(SMALL.samples[0].stack);
    expect(knownStack(SMALL.samples[3]).map(frameName)).toEqual(["(unknown)"]);
  });

  it("are numbered from 0 in the order in which they come, equal ones once", () => {
    const numbering = new Numbering<string>();
    expect(["a", "__proto__", "a", "", "__proto__"].map((text) => numbering.numberOf(text, text))).toEqual([
      0, 1, 0, 2, 1,
    ]);
    expect(numbering.items).toEqual(["a", "__proto__", ""]);
  });
});
