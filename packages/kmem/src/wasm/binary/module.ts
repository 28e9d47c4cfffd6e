import { badArgument } from "../../memory/arguments.ts";
import { KmemError } from "../../memory/errors.ts";
import { badModule } from "./bytes.ts";
import { InstructionReader } from "./instructions.ts";
import {
  Data,
  Element,
  External,
  MODULE_HEADER_BYTES,
  MODULE_MAGIC,
  MODULE_VERSION,
  SECTION_ORDER,
  Section,
  Type,
  WORD_BYTES,
} from "./layout.ts";
import { type FunctionType, type MemoryLimits, readLimits, readTypes } from "./types.ts";

/** A section: its contents are from `start` to `end`, its id stands at `headAt`. */
export interface ModuleSection {
  readonly id: number;
  readonly headAt: number;
  readonly start: number;
  readonly end: number;
  /** Of a custom section. */
  readonly name: string;
}

/** Whether a section stands after the place of another, wherever that one is. */
export function isAfter({ id }: ModuleSection, other: number): boolean {
  return id !== Section.CUSTOM && SECTION_ORDER.indexOf(id) > SECTION_ORDER.indexOf(other);
}

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: number;
}

export interface ModuleExport {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** A memory, and the names that it is imported by. */
export interface ModuleMemory extends MemoryLimits {
  readonly importedAs: ModuleImport | undefined;
}

export interface ModuleGlobal {
  readonly type: number;
  readonly isMutable: boolean;
  /** What it begins with, where that is known. */
  readonly initial: number | undefined;
}

/** Data with a place of its own: where it begins in memory, and among the module's bytes. */
interface DataSegment {
  readonly address: number;
  readonly start: number;
  readonly end: number;
}

/** What is known of a module without its code; offsets are into `bytes`. */
export class WasmModule {
  readonly bytes: Uint8Array;
  readonly sections: ModuleSection[] = [];
  types: (FunctionType | undefined)[] = [];
  readonly imports: ModuleImport[] = [];
  importedFunctionCount = 0;
  /** The indexes of the types of all functions, the imported ones first. */
  readonly functionTypes: number[] = [];
  readonly memories: ModuleMemory[] = [];
  readonly globals: ModuleGlobal[] = [];
  readonly exports: ModuleExport[] = [];
  startFunction: number | undefined;
  /** Where the indexes of functions stand outside of the code. */
  readonly functionSites: number[] = [];
  /** Functions that others than the module's own calls reach: exported, started, or referred to. */
  readonly roots: Set<number> = new Set();
  /** Ends of the segments of data with a place of their own, and the first byte of all. */
  dataEnd = 0;
  dataStart: number = Number.POSITIVE_INFINITY;
  /** Whether there is data whose place is said by an import. */
  hasUnknownData = false;
  /** Segments of data with a place of their own: addresses, and where they begin and end among the bytes. */
  readonly #segments: DataSegment[] = [];
  #areSegmentsSorted = false;
  /** Of each function that is no import: where its body's size stands, where it begins and ends. */
  readonly bodySizesAt: number[] = [];
  readonly bodyStarts: number[] = [];
  readonly bodyEnds: number[] = [];

  /** Reads a module's sections. Throws BAD_MODULE for what is malformed, CANNOT_ADOPT for what is no core module. */
  constructor(bytes: Uint8Array) {
    bytes = plainBytes(bytes);
    this.bytes = bytes;
    requireHeader(bytes);
    const reader = new InstructionReader(bytes, MODULE_HEADER_BYTES);
    let place = -1;
    while (!reader.isDone) {
      const section = readSection(reader);
      if (section.id !== Section.CUSTOM) {
        const own = SECTION_ORDER.indexOf(section.id);
        if (own === -1) throw badModule(`there is no section ${section.id}`, section.headAt);
        if (own <= place) throw badModule(`section ${section.id} is not in its place`, section.headAt);
        place = own;
      }
      this.sections.push(section);
      this.#readContents(section);
    }
    if (this.bodyStarts.length !== this.definedCount) throw badModule("functions have no bodies", bytes.length);
  }

  /** Functions that are no imports. */
  get definedCount(): number {
    return this.functionTypes.length - this.importedFunctionCount;
  }

  /** The type of a function, undefined where there is none. */
  typeOf(functionIndex: number): FunctionType | undefined {
    return this.types[this.functionTypes[functionIndex] ?? -1];
  }

  /** The custom section of a name. */
  custom(name: string): ModuleSection | undefined {
    return this.sections.find((section) => section.id === Section.CUSTOM && section.name === name);
  }

  /** The word that static data has at an address: 0 where it says nothing. O(log segments). */
  wordAt(address: number): number {
    if (!this.#areSegmentsSorted) this.#segments.sort((one, other) => one.address - other.address);
    this.#areSegmentsSorted = true;
    let word = 0;
    for (let place = WORD_BYTES - 1; place >= 0; place--) word = word * 0x100 + this.#dataByte(address + place);
    return word;
  }

  #dataByte(address: number): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const segment = this.#segments[low - 1];
    if (segment === undefined) return 0;
    const at = segment.start + address - segment.address;
    return at < segment.end ? this.bytes[at]! : 0;
  }

  #readContents({ id, start, end }: ModuleSection): void {
    if (id === Section.CUSTOM || id === Section.DATA_COUNT) return;
    const reader = new InstructionReader(this.bytes, start, end);
    if (id === Section.TYPE) this.types = readTypes(reader);
    else if (id === Section.START) this.startFunction = this.#site(reader);
    else for (let left = reader.count(); left > 0; left--) this.#readItem(id, reader);
    if (!reader.isDone) throw badModule(`section ${id} is longer than what it holds`, reader.at);
  }

  #readItem(id: number, reader: InstructionReader): void {
    switch (id) {
      case Section.IMPORT:
        this.#importEntry(reader);
        return;
      case Section.FUNCTION:
        this.functionTypes.push(this.#functionType(reader));
        return;
      case Section.TABLE:
        this.#table(reader);
        return;
      case Section.MEMORY:
        this.memories.push({ ...readLimits(reader), importedAs: undefined });
        return;
      case Section.GLOBAL:
        this.#global(reader);
        return;
      case Section.EXPORT:
        this.#exportEntry(reader);
        return;
      case Section.ELEMENT:
        this.#element(reader);
        return;
      case Section.CODE:
        this.#body(reader);
        return;
      case Section.DATA:
        this.#data(reader);
        return;
      default:
        // A tag: an attribute and a type.
        reader.skip(1);
        reader.u32();
    }
  }

  #functionType(reader: InstructionReader): number {
    const { at } = reader;
    const index = reader.u32();
    if (this.types[index] === undefined) throw badModule(`there is no type ${index} of functions`, at);
    return index;
  }

  /** The index of a function outside of the code: it can be called from anywhere. */
  #site(reader: InstructionReader): number {
    const { at } = reader;
    const index = reader.u32();
    this.#note(at, index);
    return index;
  }

  #note(at: number, index: number): void {
    if (index >= this.functionTypes.length) throw badModule(`there is no function ${index}`, at);
    this.functionSites.push(at);
    this.roots.add(index);
  }

  #constant(reader: InstructionReader): number | undefined {
    const { value, functionSites } = reader.constant((index) => this.#initialOf(index));
    for (const at of functionSites) this.#note(at, new InstructionReader(this.bytes, at, reader.end).u32());
    return value;
  }

  /** What a global is that cannot change; undefined where an import says. */
  #initialOf(index: number): number | undefined {
    const { isMutable = true, initial } = this.globals[index] ?? {};
    return isMutable ? undefined : initial;
  }

  #importEntry(reader: InstructionReader): void {
    const { at } = reader;
    const one = { module: reader.name(), name: reader.name(), kind: reader.byte() };
    this.imports.push(one);
    if (one.kind === External.FUNCTION) {
      this.functionTypes.push(this.#functionType(reader));
      this.importedFunctionCount++;
    } else if (one.kind === External.TABLE) {
      reader.valueType();
      readLimits(reader);
    } else if (one.kind === External.MEMORY) this.memories.push({ ...readLimits(reader), importedAs: one });
    else if (one.kind === External.GLOBAL) this.#globalType(reader, () => undefined);
    else if (one.kind === External.TAG) {
      reader.skip(1);
      reader.u32();
    } else throw badModule("there is no such kind of imports", at);
  }

  #table(reader: InstructionReader): void {
    const hasInitial = reader.bytes[reader.at] === EMPTY_TABLE_FORM;
    if (hasInitial) reader.skip(2);
    reader.valueType();
    readLimits(reader);
    if (hasInitial) this.#constant(reader);
  }

  #globalType(reader: InstructionReader, initial: () => number | undefined): void {
    const type = reader.valueType();
    const isMutable = (reader.byte() & 1) === 1;
    this.globals.push({ type, isMutable, initial: initial() });
  }

  #global(reader: InstructionReader): void {
    this.#globalType(reader, () => this.#constant(reader));
  }

  #exportEntry(reader: InstructionReader): void {
    const name = reader.name();
    const kind = reader.byte();
    if (kind > External.TAG) throw badModule("there is no such kind of exports", reader.at - 1);
    this.exports.push({ name, kind, index: kind === External.FUNCTION ? this.#site(reader) : reader.u32() });
  }

  #element(reader: InstructionReader): void {
    const { at } = reader;
    const flags = reader.u32();
    if (flags > Element.MOST) throw badModule("an element segment has unknown flags", at);
    const isActive = (flags & Element.NOT_ACTIVE) === 0;
    if (isActive && flags & Element.HAS_INDEX) reader.u32();
    if (isActive) this.#constant(reader);
    const hasExpressions = (flags & Element.EXPRESSIONS) !== 0;
    if (flags & (Element.NOT_ACTIVE | Element.HAS_INDEX)) {
      if (hasExpressions) reader.valueType();
      else reader.skip(1);
    }
    for (let left = reader.count(); left > 0; left--) {
      if (hasExpressions) this.#constant(reader);
      else this.#site(reader);
    }
  }

  #body(reader: InstructionReader): void {
    const { at } = reader;
    const sizeBytes = reader.count();
    this.bodySizesAt.push(at);
    this.bodyStarts.push(reader.at);
    reader.skip(sizeBytes);
    this.bodyEnds.push(reader.at);
  }

  #data(reader: InstructionReader): void {
    const { at } = reader;
    const flags = reader.u32();
    if (flags > Data.ACTIVE_INDEX) throw badModule("a data segment has unknown flags", at);
    const memory = flags === Data.ACTIVE_INDEX ? reader.u32() : 0;
    const address = flags === Data.PASSIVE ? undefined : this.#constant(reader);
    const lengthBytes = reader.count();
    reader.skip(lengthBytes);
    if (flags !== Data.PASSIVE && address === undefined && memory === 0) this.hasUnknownData = true;
    if (address === undefined || memory !== 0) return;
    this.#segments.push({ address, start: reader.at - lengthBytes, end: reader.at });
    this.dataStart = Math.min(this.dataStart, address);
    this.dataEnd = Math.max(this.dataEnd, address + lengthBytes);
  }
}

/** A table with an initial value begins with this byte and a zero. */
const EMPTY_TABLE_FORM = 0x40;

/** The bytes as a plain array over the same memory; a copy of bytes that another thread could change meanwhile. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  if (!ArrayBuffer.isView(bytes) || !(bytes instanceof Uint8Array)) throw badArgument("bytes", "a Uint8Array", bytes);
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.buffer instanceof ArrayBuffer ? plain : plain.slice();
}

function requireHeader(bytes: Uint8Array): void {
  if (bytes.length < MODULE_HEADER_BYTES) throw badModule("it has no header", bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, MODULE_HEADER_BYTES);
  if (view.getUint32(0, true) !== MODULE_MAGIC) throw badModule("it does not begin with \\0asm", 0);
  const version = view.getUint32(4, true);
  if (version === MODULE_VERSION) return;
  if (version >>> 16 === 0) throw badModule(`its version is ${version}`, 4);
  const text = "these bytes are a component, not a core module: adopt the core modules that are in it";
  throw new KmemError("CANNOT_ADOPT", text, { reason: "component" });
}

function readSection(reader: InstructionReader): ModuleSection {
  const headAt = reader.at;
  const id = reader.byte();
  const contents = reader.part(reader.count());
  const { at: start, end } = contents;
  if (id !== Section.CUSTOM) return { id, headAt, start, end, name: "" };
  const name = contents.name();
  return { id, headAt, start: contents.at, end, name };
}

/** Whether a type is an address's or a size's: i32, or i64 in a memory of 64 bits. */
export function isWord(type: number | undefined, is64: boolean): boolean {
  return type === (is64 ? Type.I64 : Type.I32);
}
