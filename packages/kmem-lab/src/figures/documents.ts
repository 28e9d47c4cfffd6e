import { readFileSync, writeFileSync } from "node:fs";
import { markdownTable, replaceBetweenMarks } from "./markdown.ts";
import { CUT_MARK, CUT_NOTE } from "./measured.ts";

/** Texts by the names of the marks between which they go. */
export type MarkedTexts = Readonly<Record<string, string>>;

/** Puts texts between their marks in a document. */
export function writeDocument(path: string, texts: MarkedTexts): void {
  const before = readFileSync(path, "utf8");
  const entries = Object.entries(texts);
  writeFileSync(
    path,
    entries.reduce((document, [name, text]) => replaceBetweenMarks(document, name, text), before),
  );
}

/** Tables one below the other, and what a mark in them means. */
export function markdownTables(parts: readonly Parameters<typeof markdownTable>[0][]): string {
  const texts = parts.map(markdownTable);
  const isCut = texts.some((text) => text.includes(CUT_MARK));
  return [...texts, ...(isCut ? [CUT_NOTE] : [])].join("\n\n");
}
