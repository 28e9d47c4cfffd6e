import type { WasmModule } from "../binary/module.ts";
import { type LineSink, runLineProgram } from "./line-program.ts";
import { DwarfReader, type DwarfTexts } from "./reader.ts";

/** A place in the sources of a program. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  /** 0 where it is not known. */
  readonly column: number;
}

/** Rows of one stretch of code, by their indexes. */
interface Sequence {
  readonly start: number;
  readonly end: number;
  readonly firstRow: number;
  readonly endRow: number;
}

/** All rows of a module's line programs. */
class Rows implements LineSink {
  readonly sequences: Sequence[] = [];
  readonly addresses: number[] = [];
  readonly places: SourcePlace[] = [];
  #firstRow = 0;

  row(address: number, file: string, line: number, column: number): void {
    this.addresses.push(address);
    this.places.push({ file, line, column });
  }

  end(address: number): void {
    const firstRow = this.#firstRow;
    this.#firstRow = this.addresses.length;
    const start = this.addresses[firstRow];
    if (start !== undefined) this.sequences.push({ start, end: address, firstRow, endRow: this.#firstRow });
  }

  /** Rows without an end are nobody's. */
  cut(): void {
    this.#firstRow = this.addresses.length;
  }
}

/** How many of a sorted list's items are no larger than a value. O(log items). */
function countUpTo(length: number, itemAt: (index: number) => number, value: number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (itemAt(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Where the code of a module is in its sources, by the section .debug_line: DWARF 2 to 5, as written with -g.
 * Addresses count from the first byte of the code section. What is malformed in it says nothing.
 */
export class DebugLines {
  readonly #rows = new Rows();

  /** O(bytes of the section), in memory too. */
  constructor(module: WasmModule) {
    const reader = readerOf(module, ".debug_line");
    if (reader === undefined) return;
    const texts: DwarfTexts = {
      strings: readerOf(module, ".debug_str"),
      lineStrings: readerOf(module, ".debug_line_str"),
    };
    try {
      while (!reader.isDone) this.#readUnit(reader, texts);
    } catch {
      // Where a unit does not end, nobody says where the next begins.
    }
    this.#rows.sequences.sort((one, other) => one.start - other.start);
  }

  #readUnit(reader: DwarfReader, texts: DwarfTexts): void {
    const part = reader.part(reader.unitLength());
    const unit = new DwarfReader(part.bytes, part.at, part.end);
    unit.offsetBytes = reader.offsetBytes;
    try {
      runLineProgram(unit, texts, this.#rows);
    } catch {
      // The next unit may be sound.
    }
    this.#rows.cut();
  }

  /** The place of the instruction at an address, or undefined. O(log rows). */
  placeOf(address: number): SourcePlace | undefined {
    const { sequences, addresses, places } = this.#rows;
    const sequence = sequences[countUpTo(sequences.length, (index) => sequences[index]!.start, address) - 1];
    if (sequence === undefined || address >= sequence.end) return undefined;
    const { firstRow, endRow } = sequence;
    const row = countUpTo(endRow - firstRow, (index) => addresses[firstRow + index]!, address) - 1;
    const place = places[firstRow + row];
    // Code of no line in particular has the line 0.
    return row < 0 || place === undefined || place.line < 1 ? undefined : place;
  }
}

function readerOf(module: WasmModule, name: string): DwarfReader | undefined {
  const section = module.custom(name);
  return section === undefined ? undefined : new DwarfReader(module.bytes, section.start, section.end);
}
