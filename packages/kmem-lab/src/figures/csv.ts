/** Cells of a table, the first row being the header. */
export type Cells = readonly (readonly (string | number)[])[];

/** A row of a CSV file by the names in its header. */
export type CsvRecord = Readonly<Record<string, string>>;

/** A comma and the cell after it. */
const CELL = /,(?:"((?:[^"]|"")*)"|([^,]*))/g;

/** The text of a CSV file. Cells have no line breaks. */
export function csvText(cells: Cells): string {
  return `${cells.map((row) => row.map(quoted).join(",")).join("\n")}\n`;
}

/** The rows of a CSV file below its header; a cell that a row lacks is empty. */
export function parseCsv(text: string): CsvRecord[] {
  const [header = [], ...rows] = text.split("\n").flatMap((line) => (line === "" ? [] : [cellsOf(line)]));
  return rows.map((row) => Object.fromEntries(header.map((name, index) => [name, row[index] ?? ""])));
}

/** The number in a cell; undefined where there is none. */
export function numberIn(record: CsvRecord, name: string): number | undefined {
  const text = record[name] ?? "";
  const value = Number(text.replaceAll(",", ""));
  return text === "" || Number.isNaN(value) ? undefined : value;
}

function quoted(cell: string | number): string {
  const text = String(cell);
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cellsOf(line: string): string[] {
  return [...`,${line}`.matchAll(CELL)].map(([, inQuotes, plain]) => inQuotes?.replaceAll('""', '"') ?? plain ?? "");
}
