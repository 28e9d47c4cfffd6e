import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const SENTENCES = 37;
const table = readFileSync(new URL("../../../../../docs/sentences/linux.md", import.meta.url), "utf8");
const lines = table.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
const cellsOf = (line: string): string[] => line.split("|").map((cell) => cell.trim());

describe("the table of sentences of the Linux page", () => {
  it("has a row for every sentence, in order", () => {
    const rows = lines.filter((line) => line.startsWith("| 003-")).map(cellsOf);
    expect(rows.map(([, id]) => id)).toEqual(Array.from({ length: SENTENCES }, (_, index) => `003-${index + 1}`));
    for (const row of rows) expect(row).toHaveLength(7);
  });

  it("names tests that exist", () => {
    const named = lines.flatMap((line) => cellsOf(line).filter((cell) => cell.includes(" › ")));
    expect(named.length).toBeGreaterThan(SENTENCES);
    for (const cell of named) {
      const [file = "", name = ""] = cell.split(" › ");
      const path = new URL(`../../${file}`, import.meta.url);
      expect(existsSync(path), cell).toBe(true);
      expect(readFileSync(path, "utf8"), cell).toContain(`it("${name}"`);
    }
  });
});
