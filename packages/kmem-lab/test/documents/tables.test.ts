// What two documents promise to be whole: the comparison, of which each cell of ours has its test, and the errors.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../src/figures/repository.ts";

const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The cells of the rows of all tables of a part of a document, without their headers. */
function rowsOf(text: string): string[][] {
  const lines = text.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| :--"));
  return lines.map((line) => line.slice(2, -2).split(" | ")).filter(([name]) => name !== "feature");
}

describe("the comparison", () => {
  const [tables = "", shown = ""] = textOf("docs/comparison.md").split("## What shows it");
  const tests = new Map(
    rowsOf(shown).map(([name = "", cell = "", test = ""]) => [`${name}: ${cell}`, test.slice(1, -1)]),
  );

  it("has a test for each cell of ours", () => {
    const cells = rowsOf(tables).map(([name, cell]) => `${name}: ${cell}`);
    expect(cells.filter((cell) => !tests.has(cell))).toEqual([]);
    expect(cells.length).toBeGreaterThan(tests.size);
  });

  it("names tests that are there", () => {
    expect([...tests.values()].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe("the errors by code", () => {
  it("have an entry for every code that there is, in its order", () => {
    const [, table = ""] =
      /interface KmemErrorDetails \{([\s\S]*?)\n\}/.exec(textOf("packages/kmem/src/memory/errors.ts")) ?? [];
    const codes = [...table.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, code]) => code);
    const entries = [...textOf("docs/errors.md").matchAll(/^## ([A-Z_]+)\n(.+)/gm)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(0);
    expect(entries).toEqual(codes);
  });
});
