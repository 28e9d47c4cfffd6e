import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const table = readFileSync(new URL("../../../../../docs/sentences/atomik.md", import.meta.url), "utf8");
const rows = table
  .split("\n")
  .filter((line) => /^\| 00[02]-/.test(line))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));

/** The tests that a row names: file and name. */
function testsOf(cell: string): { file: string; name: string }[] {
  return cell.split("<br>").map((text) => {
    const [, file = "", name = ""] = /^`([^`]+)` › (.+)$/.exec(text) ?? [];
    return { file, name };
  });
}

describe("the table of sentences of the Atomik pages", () => {
  it("has a row for every sentence, in order", () => {
    const ids = rows.map(([, id]) => id);
    const numbered = (document: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `${document}-${String(index + 1).padStart(2, "0")}`);
    expect(ids).toEqual([...numbered("000", 30), ...numbered("002", 27)]);
    for (const row of rows) expect(row).toHaveLength(7);
  });

  it("names tests that exist", () => {
    for (const [, id, , , tests = ""] of rows) {
      for (const { file, name } of testsOf(tests)) {
        const path = new URL(`../../${file}`, import.meta.url);
        expect(existsSync(path), `${id}: ${file}`).toBe(true);
        expect(readFileSync(path, "utf8"), `${id}: ${file} › ${name}`).toContain(`"${name}"`);
      }
    }
  });
});
