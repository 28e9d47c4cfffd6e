import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { env, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import type { Cells } from "./csv.ts";
import { FigureFiles } from "./figure-files.ts";
import { markdownTable, replaceBetweenMarks } from "./markdown.ts";

/** The folder of the repository that this package is a part of. */
export const ROOT: string = fileURLToPath(new URL("../../../..", import.meta.url));

/** The command `kmem-lab`, for processes of its own. */
export const LAB_COMMAND: string = join(ROOT, "packages", "kmem-lab", "bin", "kmem-lab.js");

/** Where the figures of the documents are. */
export const FIGURES_FOLDER: string = join(ROOT, "docs", "figures");

/** A table in a document of the repository. */
export interface TablePlace {
  /** As seen from {@link ROOT}. */
  readonly document: string;
  /** Of the marks between which the table goes. */
  readonly mark: string;
}

/** Writes the CSV file of a figure, prints its table, and puts the table into a document where there is a place. */
export function writeFigure(name: string, rows: Cells, table: Cells, place?: TablePlace): void {
  new FigureFiles(FIGURES_FOLDER).write(name, rows);
  const text = markdownTable(table);
  stdout.write(`${text}\n`);
  if (place === undefined) return;
  const page = join(ROOT, place.document);
  writeFileSync(page, replaceBetweenMarks(readFileSync(page, "utf8"), place.mark, text));
}

/**
 * The malloc traces to measure: the large collection beside the repository, or where the variable KMEM_TRACES says,
 * when it is there, else the bundled ones.
 */
export function mallocTraces(): string[] {
  const collection = resolve(ROOT, env["KMEM_TRACES"] ?? join("..", "shared", "traces"), "malloc");
  const folder = existsSync(collection) ? collection : join(ROOT, "packages", "kmem-cli", "traces");
  return readdirSync(folder)
    .filter((name) => /\.trace\.(zst|gz)$/.test(name))
    .map((name) => join(folder, name));
}
