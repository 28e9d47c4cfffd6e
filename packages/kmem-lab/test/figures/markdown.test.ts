import { describe, expect, it } from "vitest";
import { liveBlocksTable } from "../../src/bench/figures.ts";
import { markdownTable, replaceBetweenMarks } from "../../src/figures/markdown.ts";

const timed = (allocator: string, medianNsPerOp: number) => ({
  allocator,
  time: { medianNsPerOp, minNsPerOp: medianNsPerOp, maxNsPerOp: medianNsPerOp, roundNsPerOp: [medianNsPerOp] },
});

describe("the figures of a document", () => {
  it("go between their marks and nowhere else", () => {
    const document = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n";
    const expected = "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n";
    expect(replaceBetweenMarks(document, "x", "new")).toBe(expected);
    expect(replaceBetweenMarks(expected, "x", "new")).toBe(expected);
  });

  it("are refused by a document without the marks", () => {
    expect(() => replaceBetweenMarks("a", "x", "new")).toThrow("<!-- x -->");
    expect(() => replaceBetweenMarks("<!-- /x --><!-- x -->", "x", "new")).toThrow("are not in the document");
  });

  it("are tables with figures to the right", () => {
    expect(
      markdownTable([
        ["name", "ns"],
        ["a", 1],
      ]),
    ).toBe("| name | ns |\n| :-- | --: |\n| a | 1 |");
  });

  it("say how much the most live blocks cost over the fewest", () => {
    const reports = [
      { liveBlockCount: 1000, opCount: 1, results: [timed("kmem", 5), timed("glibc", 4)] },
      { liveBlockCount: 10_000, opCount: 1, results: [timed("kmem", 10), timed("glibc", 12)] },
    ];
    expect(liveBlocksTable(reports, ["kmem", "glibc"])).toEqual([
      ["live blocks", "kmem", "glibc"],
      ["1,000", "5.00", "4.00"],
      ["10,000", "10.0", "12.0"],
      ["**last / first**", "**2.00**", "**3.00**"],
    ]);
  });
});
