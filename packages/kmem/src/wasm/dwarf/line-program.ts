import {
  DWARF_VERSION_FORMS,
  DWARF_VERSION_LEAST,
  DWARF_VERSION_MOST,
  DWARF_VERSION_OPERATIONS,
  ExtendedOpcode,
  LAST_SPECIAL_OPCODE,
  LineContent,
  LineOpcode,
} from "./layout.ts";
import { DwarfReader, type DwarfTexts } from "./reader.ts";

/** Gets what a line program says, row by row. A row holds from its address to that of the next. */
export interface LineSink {
  row(address: number, file: string, line: number, column: number): void;
  /** The rows so far end at that address; the next begin anew. */
  end(address: number): void;
}

/** The head of a unit, as far as its program needs it. */
interface LineHead {
  readonly instructionBytes: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** How many numbers follow each opcode of 1 byte. */
  readonly operandCounts: readonly number[];
  readonly files: readonly string[];
  /** The number of the first file in the list. */
  readonly firstFile: number;
}

/** Addresses that linkers give to code that they have left out are at the end, or 0. */
const DEAD_ADDRESS_LEAST = 0xffff_fff0;

/**
 * Runs the line program of one unit, whose bytes `unit` has after its length. Throws where it is malformed: what came
 * before holds. O(bytes): no opcode gives more than a row.
 */
export function runLineProgram(unit: DwarfReader, texts: DwarfTexts, sink: LineSink): void {
  const version = unit.fixed(2);
  if (version < DWARF_VERSION_LEAST || version > DWARF_VERSION_MOST) throw new RangeError(`its version is ${version}`);
  if (version >= DWARF_VERSION_FORMS) unit.skip(2);
  const headBytes = unit.offset();
  const { offsetBytes } = unit;
  const head = unit.part(headBytes);
  const headReader = new DwarfReader(head.bytes, head.at, head.end);
  headReader.offsetBytes = offsetBytes;
  new LineMachine(unit, readHead(headReader, version, texts), sink).run();
}

function readHead(reader: DwarfReader, version: number, texts: DwarfTexts): LineHead {
  const instructionBytes = reader.byte();
  if (version >= DWARF_VERSION_OPERATIONS) reader.skip(1);
  // Whether rows begin as statements.
  reader.skip(1);
  const lineBase = (reader.byte() << 24) >> 24;
  const lineRange = reader.byte();
  const opcodeBase = reader.byte();
  if (lineRange === 0 || opcodeBase === 0) throw new RangeError("its opcodes have no range");
  const operandCounts = Array.from({ length: opcodeBase - 1 }, () => reader.byte());
  const files = version >= DWARF_VERSION_FORMS ? filesByForms(reader, texts) : filesInOrder(reader);
  const firstFile = version >= DWARF_VERSION_FORMS ? 0 : 1;
  return { instructionBytes, lineBase, lineRange, opcodeBase, operandCounts, files, firstFile };
}

/** A file as it is named in a report: in the folder of the compilation by its name alone. */
function pathOf(name: string, directory: string | undefined): string {
  return directory === undefined || directory === "" || name.startsWith("/") ? name : `${directory}/${name}`;
}

/** The lists of DWARF 2 to 4: the folder of the compilation is not among them, and has the number 0. */
function filesInOrder(reader: DwarfReader): string[] {
  const directories: string[] = [];
  for (let one = reader.text(); one !== ""; one = reader.text()) directories.push(one);
  const files: string[] = [];
  for (let name = reader.text(); name !== ""; name = reader.text()) {
    const directory = reader.u64();
    // When it was changed, and its length.
    reader.u64();
    reader.u64();
    files.push(pathOf(name, directories[directory - 1]));
  }
  return files;
}

/** The lists of DWARF 5: the folder of the compilation is the first. */
function filesByForms(reader: DwarfReader, texts: DwarfTexts): string[] {
  const directories = readEntries(reader, texts).map(({ path }) => path);
  return readEntries(reader, texts).map(({ path, directory }) =>
    pathOf(path, directory === 0 ? undefined : directories[directory]),
  );
}

function readEntries(reader: DwarfReader, texts: DwarfTexts): { path: string; directory: number }[] {
  const fields = Array.from({ length: reader.byte() }, () => ({ content: reader.u32(), form: reader.u32() }));
  // Each field takes a byte or more, and without fields there is nothing to say.
  const count = reader.count(Math.max(1, fields.length));
  return Array.from({ length: fields.length === 0 ? 0 : count }, () => {
    const entry = { path: "", directory: 0 };
    for (const { content, form } of fields) {
      const value = reader.form(form, texts);
      if (content === LineContent.PATH) entry.path = String(value);
      else if (content === LineContent.DIRECTORY) entry.directory = Number(value);
    }
    return entry;
  });
}

/** The state machine of a line program. */
class LineMachine {
  readonly #reader: DwarfReader;
  readonly #head: LineHead;
  readonly #sink: LineSink;
  #address = 0;
  #file = 1;
  #line = 1;
  #column = 0;
  /** Code that was left out has addresses that others have too. */
  #isDead = true;

  constructor(reader: DwarfReader, head: LineHead, sink: LineSink) {
    this.#reader = reader;
    this.#head = head;
    this.#sink = sink;
  }

  run(): void {
    const { opcodeBase } = this.#head;
    while (!this.#reader.isDone) {
      const opcode = this.#reader.byte();
      if (opcode >= opcodeBase) this.#special(opcode);
      else if (opcode === LineOpcode.EXTENDED) this.#extended();
      else this.#standard(opcode);
    }
  }

  #row(): void {
    const { files, firstFile } = this.#head;
    const file = files[this.#file - firstFile];
    if (!this.#isDead && file !== undefined) this.#sink.row(this.#address, file, this.#line, this.#column);
  }

  #advance(opcode: number): number {
    const { opcodeBase, lineRange, instructionBytes } = this.#head;
    const adjusted = opcode - opcodeBase;
    this.#address += Math.floor(adjusted / lineRange) * instructionBytes;
    return adjusted % lineRange;
  }

  #special(opcode: number): void {
    const lines = this.#advance(opcode);
    this.#line += this.#head.lineBase + lines;
    this.#row();
  }

  #standard(opcode: number): void {
    const reader = this.#reader;
    switch (opcode) {
      case LineOpcode.COPY:
        this.#row();
        return;
      case LineOpcode.ADVANCE_PC:
        this.#address += reader.u64() * this.#head.instructionBytes;
        return;
      case LineOpcode.ADVANCE_LINE:
        this.#line += reader.signed(64);
        return;
      case LineOpcode.SET_FILE:
        this.#file = reader.u64();
        return;
      case LineOpcode.SET_COLUMN:
        this.#column = reader.u64();
        return;
      case LineOpcode.CONST_ADD_PC:
        this.#advance(LAST_SPECIAL_OPCODE);
        return;
      case LineOpcode.FIXED_ADVANCE_PC:
        this.#address += reader.fixed(2);
        return;
      default:
        for (let left = this.#head.operandCounts[opcode - 1] ?? 0; left > 0; left--) reader.u64();
    }
  }

  #extended(): void {
    const contents = this.#reader.part(this.#reader.u32());
    if (contents.isDone) return;
    const reader = new DwarfReader(contents.bytes, contents.at, contents.end);
    const opcode = reader.byte();
    if (opcode === ExtendedOpcode.SET_ADDRESS) {
      this.#address = reader.fixed(reader.end - reader.at);
      this.#isDead = this.#address === 0 || this.#address >= DEAD_ADDRESS_LEAST;
    } else if (opcode === ExtendedOpcode.END_SEQUENCE) {
      if (!this.#isDead) this.#sink.end(this.#address);
      this.#address = 0;
      this.#file = 1;
      this.#line = 1;
      this.#column = 0;
      this.#isDead = true;
    }
  }
}
