/**
 * Breaks a line at blanks so that none is longer than `columns`; the lines after the first begin with `indent`. A word
 * that is longer than a line stays whole.
 */
export function wrapText(text: string, columns: number, indent = ""): string {
  const lines: string[] = [];
  let line = text;
  while (line.length > columns) {
    const least = (lines.length === 0 ? (/^ */.exec(text)?.[0].length ?? 0) : indent.length) + 1;
    const before = line.lastIndexOf(" ", columns);
    const cut = before > least ? before : line.indexOf(" ", least);
    if (cut < 0) break;
    lines.push(line.slice(0, cut));
    line = indent + line.slice(cut + 1);
  }
  return [...lines, line].join("\n");
}
