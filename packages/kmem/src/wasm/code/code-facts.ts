import { badModule } from "../binary/bytes.ts";
import { InstructionReader } from "../binary/instructions.ts";
import { IMMEDIATES, Immediate, Op } from "../binary/layout.ts";
import type { WasmModule } from "../binary/module.ts";

/** Static data begins no lower: what is below is null, and offsets in objects. */
const LEAST_STATIC_ADDRESS = 1024;
const LAST_I32_BINARY = 0x78;
const LAST_I64_BINARY = 0x8a;
const FIRST_LIST_ITEMS = 1024;

const NONE: ReadonlySet<number> = new Set();

/** A list of numbers that grows. */
class NumberList {
  #items = new Float64Array(FIRST_LIST_ITEMS);
  length = 0;

  push(item: number): void {
    if (this.length === this.#items.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[this.length++] = item;
  }

  at(index: number): number {
    return this.#items[index]!;
  }

  negateLast(): void {
    this.#items[this.length - 1] = -this.#items[this.length - 1]!;
  }
}

/**
 * What the bodies of a module's functions do, read once: which functions they name, and which static addresses. It
 * takes memory in proportion to the code.
 */
export class CodeFacts {
  readonly module: WasmModule;
  /** Where the code names functions, and which. */
  readonly sites: NumberList = new NumberList();
  readonly targets: NumberList = new NumberList();
  /** By function that is no import, its first site, and its first address; one more at the end. */
  readonly #firstSites = new NumberList();
  readonly #firstAddresses = new NumberList();
  /** Static addresses; negative where the number is handed to a function or masks another: it may mean anything. */
  readonly #addresses = new NumberList();
  readonly #mostAddress: number;

  /** Throws BAD_MODULE. O(bytes of code). */
  constructor(module: WasmModule) {
    this.module = module;
    const memory = module.memories[0];
    this.#mostAddress = memory === undefined ? 0 : memory.initial * memory.pageBytes;
    const reader = new InstructionReader(module.bytes);
    for (let index = 0; index < module.definedCount; index++) {
      this.#firstSites.push(this.sites.length);
      this.#firstAddresses.push(this.#addresses.length);
      reader.at = module.bodyStarts[index]!;
      reader.end = module.bodyEnds[index]!;
      skipLocals(reader);
      this.#readBody(reader);
    }
    this.#firstSites.push(this.sites.length);
    this.#firstAddresses.push(this.#addresses.length);
  }

  #readBody(reader: InstructionReader): void {
    let constant = Number.NaN;
    if (reader.isDone) throw badModule("a function has no end", reader.at);
    while (reader.at < reader.end) {
      reader.next();
      const { opcode, value } = reader;
      if (opcode === Op.I32_CONST || opcode === Op.I64_CONST) {
        constant = opcode === Op.I32_CONST ? value >>> 0 : value;
        this.#address(constant);
        continue;
      }
      if (IMMEDIATES[opcode] === Immediate.FUNCTION) this.#reference(reader);
      if (takesNoAddress(opcode) && this.#isStatic(constant)) this.#addresses.negateLast();
      if (IMMEDIATES[opcode] === Immediate.MEMORY_OPERAND) {
        this.#address(value);
        // Where a load follows a constant, that is where it loads from.
        if (opcode < Op.FIRST_STORE && value > 0) this.#address(constant + value);
      }
      constant = Number.NaN;
    }
    if (reader.opcode !== Op.END) throw badModule("a function has no end", reader.at);
  }

  #reference({ value, immediateAt }: InstructionReader): void {
    if (value >= this.module.functionTypes.length) throw badModule(`there is no function ${value}`, immediateAt);
    this.sites.push(immediateAt);
    this.targets.push(value);
  }

  #address(value: number): void {
    if (this.#isStatic(value)) this.#addresses.push(value);
  }

  #isStatic(value: number): boolean {
    return value >= LEAST_STATIC_ADDRESS && value < this.#mostAddress;
  }

  /** The range of sites in the code of a function that is no import, by its place among those. */
  sitesOf(defined: number): readonly [first: number, end: number] {
    return [this.#firstSites.at(defined), this.#firstSites.at(defined + 1)];
  }

  /** The static addresses that a function names and uses itself, each once; of an import none. */
  addressesOf(functionIndex: number): Set<number> {
    const found = new Set<number>();
    const defined = functionIndex - this.module.importedFunctionCount;
    if (defined < 0) return found;
    const end = this.#firstAddresses.at(defined + 1);
    for (let at = this.#firstAddresses.at(defined); at < end; at++) {
      if (this.#addresses.at(at) > 0) found.add(this.#addresses.at(at));
    }
    return found;
  }

  /** Whether a function uses one of these addresses, or hands `first` to another. */
  namesOneOf(functionIndex: number, addresses: ReadonlySet<number>, first?: number): boolean {
    const defined = functionIndex - this.module.importedFunctionCount;
    if (defined < 0) return false;
    const end = this.#firstAddresses.at(defined + 1);
    for (let at = this.#firstAddresses.at(defined); at < end; at++) {
      const address = this.#addresses.at(at);
      if (addresses.has(address) || (first !== undefined && address === -first)) return true;
    }
    return false;
  }

  /** The functions that a function names in its code, each once. */
  calleesOf(functionIndex: number): ReadonlySet<number> {
    const defined = functionIndex - this.module.importedFunctionCount;
    if (defined < 0) return NONE;
    const found = new Set<number>();
    const [first, end] = this.sitesOf(defined);
    for (let at = first; at < end; at++) found.add(this.targets.at(at));
    return found;
  }

  /** The functions whose code names one of these. O(sites). */
  callersOf(functions: ReadonlySet<number>): Set<number> {
    const found = new Set<number>();
    for (let defined = 0; defined < this.module.definedCount; defined++) {
      const [first, end] = this.sitesOf(defined);
      for (let at = first; at < end; at++) {
        if (functions.has(this.targets.at(at))) found.add(defined + this.module.importedFunctionCount);
      }
    }
    return found;
  }

  /** Whether a function is no import and takes no more than so many bytes. */
  isShort(functionIndex: number, mostBytes: number): boolean {
    const { bodyStarts, bodyEnds, importedFunctionCount } = this.module;
    const defined = functionIndex - importedFunctionCount;
    return defined >= 0 && bodyEnds[defined]! - bodyStarts[defined]! <= mostBytes;
  }

  /** Whether a function has an instruction of these opcodes; an import has none. O(its code). */
  hasOpcode(functionIndex: number, isWanted: (opcode: number) => boolean): boolean {
    if (functionIndex < this.module.importedFunctionCount) return false;
    const reader = this.readerOf(functionIndex);
    while (!reader.isDone) {
      reader.next();
      if (isWanted(reader.opcode)) return true;
    }
    return false;
  }

  /** A reader at the first instruction of a function that is no import. */
  readerOf(functionIndex: number): InstructionReader {
    const defined = functionIndex - this.module.importedFunctionCount;
    const { bytes, bodyStarts, bodyEnds } = this.module;
    const reader = new InstructionReader(bytes, bodyStarts[defined]!, bodyEnds[defined]!);
    skipLocals(reader);
    return reader;
  }
}

/** Whether the number on top of the stack is no address for an instruction: it multiplies, masks, shifts or calls. */
function takesNoAddress(opcode: number): boolean {
  if (opcode === Op.CALL || opcode === Op.RETURN_CALL) return true;
  return (opcode >= Op.I32_MUL && opcode <= LAST_I32_BINARY) || (opcode >= Op.I64_MUL && opcode <= LAST_I64_BINARY);
}

/** Goes past what stands before the first instruction of a body. */
export function skipLocals(reader: InstructionReader): void {
  for (let groups = reader.count(2); groups > 0; groups--) {
    reader.u32();
    reader.valueType();
  }
}
