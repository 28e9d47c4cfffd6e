import { badModule } from "./bytes.ts";
import type { InstructionReader } from "./instructions.ts";
import { Limits, Type } from "./layout.ts";

/** The type of a function: the first byte of each parameter's type and of each result's. */
export interface FunctionType {
  readonly params: readonly number[];
  readonly results: readonly number[];
  /** Whether a type of its own, as of plain modules: no part of a group, no subtype. */
  readonly isPlain: boolean;
}

/** Limits of a memory or table. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum: number | undefined;
  readonly isShared: boolean;
  readonly is64: boolean;
  readonly pageBytes: number;
}

const DEFAULT_PAGE_SHIFT = 16;
/** Bytes of a page of memory, where a module does not say otherwise. */
export const DEFAULT_PAGE_BYTES: number = 2 ** DEFAULT_PAGE_SHIFT;

export function readLimits(reader: InstructionReader): MemoryLimits {
  const at = reader.at;
  const flags = reader.u32();
  if (flags >= 2 * Limits.HAS_PAGE_SIZE) throw badModule("limits have unknown flags", at);
  const is64 = (flags & Limits.IS_64) !== 0;
  const number = (): number => (is64 ? reader.u64() : reader.u32());
  const initial = number();
  const maximum = flags & Limits.HAS_MAXIMUM ? number() : undefined;
  const pageShift = flags & Limits.HAS_PAGE_SIZE ? reader.u32() : DEFAULT_PAGE_SHIFT;
  if (pageShift > DEFAULT_PAGE_SHIFT) throw badModule("a page has more than 64 KiB", at);
  return { initial, maximum, isShared: (flags & Limits.SHARED) !== 0, is64, pageBytes: 2 ** pageShift };
}

/** Reads the types of a module, in the order of their indexes; undefined for what is no function's. */
export function readTypes(reader: InstructionReader): (FunctionType | undefined)[] {
  const types: (FunctionType | undefined)[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const form = reader.byte();
    if (form === Type.REC) {
      for (let parts = reader.count(); parts > 0; parts--) types.push(readSubType(reader, reader.byte(), false));
    } else types.push(readSubType(reader, form, true));
  }
  return types;
}

function readSubType(reader: InstructionReader, form: number, isAlone: boolean): FunctionType | undefined {
  if (form !== Type.SUB && form !== Type.SUB_FINAL) return readComposite(reader, form, isAlone);
  for (let parents = reader.count(); parents > 0; parents--) reader.u32();
  return readComposite(reader, reader.byte(), false);
}

function readComposite(reader: InstructionReader, form: number, isPlain: boolean): FunctionType | undefined {
  if (form === Type.FUNCTION) {
    return { params: readValueTypes(reader), results: readValueTypes(reader), isPlain };
  }
  if (form === Type.STRUCT) for (let fields = reader.count(2); fields > 0; fields--) readField(reader);
  else if (form === Type.ARRAY) readField(reader);
  else throw badModule("there is no such form of types", reader.at - 1);
  return undefined;
}

function readValueTypes(reader: InstructionReader): number[] {
  const types: number[] = [];
  for (let left = reader.count(); left > 0; left--) types.push(reader.valueType());
  return types;
}

function readField(reader: InstructionReader): void {
  const storage = reader.bytes[reader.at];
  if (storage === Type.I8 || storage === Type.I16) reader.skip(1);
  else reader.valueType();
  reader.skip(1);
}
