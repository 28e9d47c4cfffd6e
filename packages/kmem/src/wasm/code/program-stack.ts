import { ByteReader, ByteWriter } from "../binary/bytes.ts";
import { InstructionReader } from "../binary/instructions.ts";
import { External, Op, Section } from "../binary/layout.ts";
import { WasmModule } from "../binary/module.ts";
import { readNames } from "../binary/names.ts";
import { skipLocals } from "./code-facts.ts";

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

/**
 * The global that is named so, or the first that functions use as C's do; -1 for none. A global that only looks like a
 * stack pointer at the start may come to hold the address of a block. O(code) where there is no name.
 */
export function stackPointerOf(module: WasmModule): number {
  for (const [index, name] of readNames(module).globals) if (STACK_POINTER_NAME.test(name)) return index;
  for (const [index, { isMutable }] of module.globals.entries()) if (isMutable && framesIn(module, index)) return index;
  return -1;
}

/** Whether a function makes a frame below what a global says, which is then in a local too, and gives it back. */
function framesIn(module: WasmModule, global: number): boolean {
  for (let defined = 0; defined < module.definedCount; defined++) {
    const reader = new InstructionReader(module.bytes, module.bodyStarts[defined]!, module.bodyEnds[defined]!);
    skipLocals(reader);
    if (hasFrame(reader, global)) return true;
  }
  return false;
}

/**
 * Looks for `global.get, const, sub, local.tee, global.set` and then `local.get, const, add, global.set`, with the same
 * local and number: what compilers write around the code of a function with a frame.
 */
function hasFrame(reader: InstructionReader, global: number): boolean {
  const frames = new Map<number, number>();
  const last: { opcode: number; value: number }[] = [];
  while (!reader.isDone) {
    reader.next();
    const { opcode, value } = reader;
    if (opcode === Op.GLOBAL_SET && value === global) {
      const [source, number, operation, kept] = last.slice(-4);
      const made = changeBy(number, operation);
      if (source?.opcode === Op.GLOBAL_GET && source.value === global && kept?.opcode === Op.LOCAL_TEE && made < 0) {
        frames.set(kept.value, made);
      }
      const [local, restored, back] = last.slice(-3);
      const given = changeBy(restored, back);
      if (local?.opcode === Op.LOCAL_GET && given > 0 && frames.get(local.value) === -given) return true;
    }
    if (last.push({ opcode, value }) > FRAME_INSTRUCTIONS) last.shift();
  }
  return false;
}

const FRAME_INSTRUCTIONS = 4;

/** By how much a constant and what follows it change a number; NaN where they do not. */
function changeBy(constant: { opcode: number; value: number } | undefined, operation: { opcode: number } | undefined) {
  const isConstant = constant?.opcode === Op.I32_CONST || constant?.opcode === Op.I64_CONST;
  if (constant === undefined || operation === undefined || !isConstant) return Number.NaN;
  const { opcode } = operation;
  if (opcode === Op.I32_ADD || opcode === Op.I64_ADD) return constant.value;
  return opcode === Op.I32_SUB || opcode === Op.I64_SUB ? -constant.value : Number.NaN;
}

/** Above the data a stack has no fixed size: what may be zeros of the program's is not counted among it. */
function lowestOf(module: WasmModule, top: number): number {
  if (module.hasUnknownData) return top;
  if (Number.isFinite(module.dataStart) && module.dataStart >= top) return 0;
  const dataEnd = module.exports.find(({ name, kind }) => kind === External.GLOBAL && name === "__data_end");
  const known = dataEnd === undefined ? 0 : (module.globals[dataEnd.index]?.initial ?? 0);
  return Math.min(top, Math.max(known, module.dataEnd, top - DEFAULT_STACK_BYTES));
}
