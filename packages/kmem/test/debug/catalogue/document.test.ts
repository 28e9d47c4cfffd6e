import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DebugLetter } from "../../../src/debug/layout.ts";
import { CASES } from "./cases.ts";
import { documentParts, withParts } from "./document.ts";

const document = readFileSync(new URL("../../../../../docs/memory-bugs.md", import.meta.url), "utf8");
const rows = document
  .split("\n")
  .filter((line) => /^\| (slub_kunit|kasan|kfence|kmem) /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

describe("docs/memory-bugs.md", () => {
  it("has a row for each case of the catalogue, and says of it what its test does", () => {
    const dash = (cell: string): string | undefined => (cell === "–" ? undefined : cell);
    const said = rows.map(([, suite = "", name, what, letter = "", found, checked, plain]) => {
      return { suite, name, what, letter: dash(letter), found, isChecked: checked === "yes", plain };
    });
    expect(said).toEqual(
      CASES.map(({ suite, name, what, letter, found, isChecked, plain }) => {
        return { suite, name, what, letter, found, isChecked, plain };
      }),
    );
  });

  it("shows a report as it is printed today", () => {
    expect(documentParts()["report"]).toContain("First bad byte: 0 bytes right of the object");
    expect(withParts(document)).toBe(document);
  });

  it("explains each letter and each option", () => {
    for (const letter of Object.keys(DebugLetter)) expect(document).toContain(`| ${letter} |`);
    const options = readFileSync(new URL("../../../src/debug/options.ts", import.meta.url), "utf8");
    const names = [...options.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name);
    expect(names).toContain("quarantineBytes");
    for (const name of names) expect(document).toContain(`\`${name}\``);
  });
});
