import { getBorderCharacters, type TableUserConfig, table } from "table";

/** A row of cells, or a heading that stands over the rows below it. */
export type PlainRow = readonly string[] | { readonly heading: string };

const COLUMN_GAP = 2;

function isHeading(row: PlainRow): row is { readonly heading: string } {
  return "heading" in row;
}

/**
 * A table without a frame: the first column left-aligned, the others, which hold figures, right-aligned, and a line
 * below the header. Cells of the header may have several lines.
 */
export function plainTable(header: readonly string[], rows: readonly PlainRow[]): string {
  const cells = rows.map((row) => (isHeading(row) ? [row.heading, ...header.slice(1).map(() => "")] : [...row]));
  const config: TableUserConfig = {
    border: { ...getBorderCharacters("void"), joinBody: "─" },
    columnDefault: {
      alignment: "right",
      verticalAlignment: "bottom",
      paddingLeft: COLUMN_GAP,
      paddingRight: 0,
      wrapWord: false,
    },
    columns: { 0: { alignment: "left", paddingLeft: 0 } },
    drawVerticalLine: () => false,
    drawHorizontalLine: (index) => index === 1,
    spanningCells: [
      ...rows.flatMap((row, index) =>
        isHeading(row) ? [{ row: index + 1, col: 0, colSpan: header.length, alignment: "left" as const }] : [],
      ),
    ],
  };
  return table([[...header], ...cells], config)
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trimEnd();
}
