import { ByteWriter } from "./bytes.ts";
import { EMPTY_BLOCK, Op, Type } from "./layout.ts";

/** Instructions as bytes. */
export type Code = readonly number[];
/** What an instruction works on: the instructions that make it, or a number, which is a constant. */
export type Operand = Code | number;

type Unary = (value: Operand) => Code;
type Binary = (left: Operand, right: Operand) => Code;

const OpI32 = {
  EQZ: 0x45,
  EQ: 0x46,
  NE: 0x47,
  LT_U: 0x49,
  GT_U: 0x4b,
  LE_U: 0x4d,
  GE_U: 0x4f,
  CLZ: 0x67,
  POPCNT: 0x69,
  ADD: 0x6a,
  SUB: 0x6b,
  MUL: 0x6c,
  AND: 0x71,
  OR: 0x72,
  SHL: 0x74,
  SHR_U: 0x76,
} as const;
const OpI64 = { GT_U: 0x56, MUL: 0x7e, EXTEND_I32_U: 0xad } as const;
const OpMemory = { LOAD: 0x28, LOAD_64: 0x29, LOAD_8: 0x2d, STORE: 0x36, STORE_64: 0x37, STORE_8: 0x3a, SIZE: 0x3f };
/** Numbers after the prefix of bulk memory. */
const OpBulk = { COPY: 10, FILL: 11 } as const;
/** log2 of the alignment that an access promises. */
const Alignment = { BYTE: 0, WORD: 2, DOUBLE: 3 } as const;

function unsigned(value: number): Code {
  const writer = new ByteWriter();
  writer.u32(value);
  return [...writer.written];
}

function signed(value: number): Code {
  const writer = new ByteWriter();
  writer.s32(value | 0);
  return [...writer.written];
}

/** The instructions of an operand. */
export function codeOf(operand: Operand): Code {
  return typeof operand === "number" ? [Op.I32_CONST, ...signed(operand)] : operand;
}

const unary =
  (opcode: number): Unary =>
  (value) => [...codeOf(value), opcode];
const binary =
  (opcode: number): Binary =>
  (left, right) => [...codeOf(left), ...codeOf(right), opcode];

export const isZero: Unary = /* @__PURE__ */ unary(OpI32.EQZ);
export const leadingZeros: Unary = /* @__PURE__ */ unary(OpI32.CLZ);
export const oneBits: Unary = /* @__PURE__ */ unary(OpI32.POPCNT);
export const widened: Unary = /* @__PURE__ */ unary(OpI64.EXTEND_I32_U);
export const equal: Binary = /* @__PURE__ */ binary(OpI32.EQ);
export const unequal: Binary = /* @__PURE__ */ binary(OpI32.NE);
/** All comparisons are of numbers without a sign. */
export const less: Binary = /* @__PURE__ */ binary(OpI32.LT_U);
export const greater: Binary = /* @__PURE__ */ binary(OpI32.GT_U);
export const atMost: Binary = /* @__PURE__ */ binary(OpI32.LE_U);
export const atLeast: Binary = /* @__PURE__ */ binary(OpI32.GE_U);
export const greater64: Binary = /* @__PURE__ */ binary(OpI64.GT_U);
export const add: Binary = /* @__PURE__ */ binary(OpI32.ADD);
export const sub: Binary = /* @__PURE__ */ binary(OpI32.SUB);
export const mul: Binary = /* @__PURE__ */ binary(OpI32.MUL);
export const mul64: Binary = /* @__PURE__ */ binary(OpI64.MUL);
export const and: Binary = /* @__PURE__ */ binary(OpI32.AND);
export const or: Binary = /* @__PURE__ */ binary(OpI32.OR);
export const shiftLeft: Binary = /* @__PURE__ */ binary(OpI32.SHL);
export const shiftRight: Binary = /* @__PURE__ */ binary(OpI32.SHR_U);

export function get(local: number): Code {
  return [Op.LOCAL_GET, ...unsigned(local)];
}

export function set(local: number, value: Operand): Code {
  return [...codeOf(value), Op.LOCAL_SET, ...unsigned(local)];
}

/** As `set`, with the value as its own. */
export function tee(local: number, value: Operand): Code {
  return [...codeOf(value), Op.LOCAL_TEE, ...unsigned(local)];
}

export function global(index: number): Code {
  return [Op.GLOBAL_GET, ...unsigned(index)];
}

/** A constant of 64 bits. */
export function constant64(value: number): Code {
  return [Op.I64_CONST, ...signed(value)];
}

/** One of two values, both of which are worked out: no branch. */
export function select(condition: Operand, yes: Operand, no: Operand): Code {
  return [...codeOf(yes), ...codeOf(no), ...codeOf(condition), Op.SELECT];
}

/** The pages of 64 KiB that the memory has now. */
export const memoryPages: Code = [OpMemory.SIZE, 0];

export function call(functionIndex: number, ...args: readonly Operand[]): Code {
  return [...args.flatMap(codeOf), Op.CALL, ...unsigned(functionIndex)];
}

export function returned(value: Operand = []): Code {
  return [...codeOf(value), Op.RETURN];
}

/** Instructions that `leaveIf` within them leaves. */
export function block(...parts: readonly Code[]): Code {
  return [Op.BLOCK, EMPTY_BLOCK, ...parts.flat(), Op.END];
}

/** Writes the instructions that touch memory or decide on a way. Tests have one that notes each as it runs. */
export class Assembler {
  load(at: Operand, offsetBytes = 0): Code {
    return this.#access(OpMemory.LOAD, Alignment.WORD, codeOf(at), offsetBytes);
  }

  /** A byte, as a number from 0 to 255. */
  load8(at: Operand, offsetBytes = 0): Code {
    return this.#access(OpMemory.LOAD_8, Alignment.BYTE, codeOf(at), offsetBytes);
  }

  store(at: Operand, value: Operand, offsetBytes = 0): Code {
    return this.#access(OpMemory.STORE, Alignment.WORD, [...codeOf(at), ...codeOf(value)], offsetBytes);
  }

  store8(at: Operand, value: Operand, offsetBytes = 0): Code {
    return this.#access(OpMemory.STORE_8, Alignment.BYTE, [...codeOf(at), ...codeOf(value)], offsetBytes);
  }

  /** Stores eight bytes; `value` is one of 64 bits. */
  store64(at: Operand, value: Code, offsetBytes = 0): Code {
    return this.#access(OpMemory.STORE_64, Alignment.DOUBLE, [...codeOf(at), ...value], offsetBytes);
  }

  load64(at: Operand, offsetBytes = 0): Code {
    return this.#access(OpMemory.LOAD_64, Alignment.DOUBLE, codeOf(at), offsetBytes);
  }

  fill(at: Operand, byte: Operand, sizeBytes: Operand): Code {
    return [...[at, byte, sizeBytes].flatMap(codeOf), Op.MISC_PREFIX, OpBulk.FILL, 0];
  }

  copy(to: Operand, from: Operand, sizeBytes: Operand): Code {
    return [...[to, from, sizeBytes].flatMap(codeOf), Op.MISC_PREFIX, OpBulk.COPY, 0, 0];
  }

  /** A condition on which the way through the code hangs. */
  test(condition: Operand): Code {
    return codeOf(condition);
  }

  /** Goes on behind the block around it. */
  leaveIf(condition: Operand): Code {
    return [...this.test(condition), Op.BR_IF, 0];
  }

  returnIf(condition: Operand, value: Operand = []): Code {
    return this.when(condition, returned(value));
  }

  /** Runs instructions only where the condition holds; they must not leave a block around it by `leaveIf`. */
  when(condition: Operand, ...parts: readonly Code[]): Code {
    return [...this.test(condition), Op.IF, EMPTY_BLOCK, ...parts.flat(), Op.END];
  }

  /** Runs instructions as long as the condition holds. */
  repeatWhile(condition: Operand, ...parts: readonly Code[]): Code {
    const again = [Op.BR, 0];
    const ended = [...this.test(isZero(condition)), Op.BR_IF, 1];
    return block([Op.LOOP, EMPTY_BLOCK, ...ended, ...parts.flat(), ...again, Op.END]);
  }

  #access(opcode: number, alignment: number, operands: Code, offsetBytes: number): Code {
    return [...operands, opcode, alignment, ...unsigned(offsetBytes)];
  }
}

/** The locals of a function, which are all of 32 bits. */
export class Locals {
  readonly #parameterCount: number;
  #count = 0;

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  /** One more. */
  next(): number {
    return this.#parameterCount + this.#count++;
  }

  /** The body of a function with these locals. */
  body(...parts: readonly Code[]): Uint8Array {
    const declared = this.#count === 0 ? [0] : [1, this.#count, Type.I32];
    return Uint8Array.from([...declared, ...parts.flat(), Op.END]);
  }
}
