import type { Cells } from "./csv.ts";

/** A table in Markdown: the first column left-aligned, figures to the right. */
export function markdownTable([header = [], ...rows]: Cells): string {
  const line = (row: readonly (string | number)[]): string => `| ${row.join(" | ")} |`;
  const rule = header.map((_, index) => (index === 0 ? ":--" : "--:"));
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}

/** The text between `<!-- name -->` and `<!-- /name -->` of a document, replaced. Throws when the marks are missing. */
export function replaceBetweenMarks(document: string, name: string, text: string): string {
  const open = `<!-- ${name} -->`;
  const close = `<!-- /${name} -->`;
  const start = document.indexOf(open);
  const end = document.indexOf(close);
  if (start < 0 || end < start) throw new Error(`the marks ${open} and ${close} are not in the document`);
  return `${document.slice(0, start + open.length)}\n${text}\n${document.slice(end)}`;
}
