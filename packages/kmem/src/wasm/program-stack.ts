import { ByteReader, ByteWriter } from "./bytes.ts";
import { External, Section } from "./layout.ts";
import { WasmModule } from "./module.ts";
import { readNames } from "./names.ts";

/** The stack that a C program has in its linear memory, from its end down. */
export interface ProgramStack {
  /** The module, which exports its stack pointer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The name that it exports it by: a mutable global. */
  readonly exportedAs: string;
  /** What the stack pointer is at the start, and the lowest that all of the stack below it certainly reaches. */
  readonly top: number;
  /** The lowest byte that all of the stack below `top` certainly reaches. */
  readonly low: number;
  /** The byte of the module that was given which a byte of this one was. */
  originOf(offset: number): number;
}

const EXPORT_NAME = "kmem:__stack_pointer";
const STACK_POINTER_NAME = /(?:^|\/)__stack_pointer$/;
/** What wasm-ld gives a program that does not ask for another size. */
const DEFAULT_STACK_BYTES = 65_536;

/**
 * A module that exports its stack pointer, so that what lies below it is known to be left over from calls that have
 * ended. Undefined for a module without a stack in its memory, or where it cannot be told. Throws BAD_MODULE. O(bytes).
 */
export function exposeStack(bytes: Uint8Array): ProgramStack | undefined {
  const module = new WasmModule(bytes);
  const index = stackPointerOf(module);
  const top = module.globals[index]?.initial ?? 0;
  if (top <= 0) return undefined;
  const low = lowestOf(module, top);
  const exported = module.exports.find((one) => one.kind === External.GLOBAL && one.index === index);
  if (exported !== undefined) {
    return { bytes: new Uint8Array(bytes), exportedAs: exported.name, top, low, originOf: (offset) => offset };
  }
  const section = module.sections.find(({ id }) => id === Section.EXPORT);
  if (section === undefined) return undefined;
  const contents = new ByteWriter();
  const reader = new ByteReader(bytes, section.start, section.end);
  contents.u32(reader.u32() + 1);
  contents.put(bytes.subarray(reader.at, section.end));
  contents.name(EXPORT_NAME);
  contents.byte(External.GLOBAL);
  contents.u32(index);
  const all = new ByteWriter();
  all.put(bytes.subarray(0, section.headAt));
  all.byte(Section.EXPORT);
  all.sized(contents.written);
  const end = all.length;
  all.put(bytes.subarray(section.end));
  const added = end - section.end;
  const originOf = (offset: number): number => (offset >= end ? offset - added : offset);
  return { bytes: new Uint8Array(all.written), exportedAs: EXPORT_NAME, top, low, originOf };
}

/** The global that is named so, or the first that can change, as linkers have it; -1 for none. */
export function stackPointerOf(module: WasmModule): number {
  for (const [index, name] of readNames(module).globals) if (STACK_POINTER_NAME.test(name)) return index;
  return module.globals.findIndex(({ isMutable }) => isMutable);
}

/** Above the data a stack has no fixed size: what may be zeros of the program's is not counted among it. */
function lowestOf(module: WasmModule, top: number): number {
  if (module.hasUnknownData) return top;
  if (Number.isFinite(module.dataStart) && module.dataStart >= top) return 0;
  const dataEnd = module.exports.find(({ name, kind }) => kind === External.GLOBAL && name === "__data_end");
  const known = dataEnd === undefined ? 0 : (module.globals[dataEnd.index]?.initial ?? 0);
  return Math.min(top, Math.max(known, module.dataEnd, top - DEFAULT_STACK_BYTES));
}
