import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cells } from "../figures/csv.ts";
import { markdownTables } from "../figures/documents.ts";
import { replaceBetweenMarks } from "../figures/markdown.ts";

/** What one measurement writes. */
export interface MeasureOutput {
  /** Of the CSV file, and of the marks in the document. */
  readonly name: string;
  readonly rows: Cells;
  readonly tables: readonly Cells[];
}

/** Where it is written. */
export interface OutputPlaces {
  /** A folder for the CSV file. */
  readonly out?: string;
  /** A Markdown document with the marks `figures: <name>`. */
  readonly document?: string;
}

/** Writes the CSV file, and puts the tables into the document between their marks. */
export function writeMeasures({ name, rows, tables }: MeasureOutput, { out, document }: OutputPlaces): void {
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, `${name}.csv`), `${rows.map((row) => row.join(",")).join("\n")}\n`);
  }
  if (document === undefined) return;
  const text = markdownTables(tables);
  writeFileSync(document, replaceBetweenMarks(readFileSync(document, "utf8"), `figures: ${name}`, text));
}
