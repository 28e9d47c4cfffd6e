import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Cells, type CsvRecord, csvText, parseCsv } from "./csv.ts";

/**
 * The CSV files of all figures, in one folder. What is made of several of them (the goals, the plots) reads them from
 * there, so that a run which measures one part again renews the rest as well.
 */
export class FigureFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The rows of a file, by its name without `.csv`; none where there is no such file. */
  read(name: string): CsvRecord[] {
    const path = join(this.folder, `${name}.csv`);
    return existsSync(path) ? parseCsv(readFileSync(path, "utf8")) : [];
  }

  write(name: string, cells: Cells): void {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, `${name}.csv`), csvText(cells));
  }
}
