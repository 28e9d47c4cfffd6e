import { accessOf } from "../binary/accesses.ts";
import type { InstructionReader } from "../binary/instructions.ts";
import { Op } from "../binary/layout.ts";
import type { WasmModule } from "../binary/module.ts";

/** What is known of a value: a local as it was in a version of it, a constant or the stack pointer, plus a number. */
export interface KnownValue {
  readonly from: "local" | "constant" | "stack";
  readonly local: number;
  readonly version: number;
  readonly plus: number;
}

/** loop, else, catch, end, delegate, catch_all */
const JOINS: ReadonlySet<number> = /* @__PURE__ */ new Set([0x03, 0x05, 0x07, Op.END, 0x18, 0x19]);
/** Instructions without immediates that take one operand and give one; all others of their range take two. */
const UNARY: readonly (readonly [first: number, last: number])[] = [
  [0x45, 0x45],
  [0x50, 0x50],
  [0x67, 0x69],
  [0x79, 0x7b],
  [0x8b, 0x91],
  [0x99, 0x9f],
  [0xa7, 0xc4],
];
const FIRST_NUMERIC = 0x45;
const LAST_NUMERIC = 0xc4;

export const POPS: Uint8Array = /* @__PURE__ */ numericPops();

function numericPops(): Uint8Array {
  const pops = new Uint8Array(256);
  pops.fill(2, FIRST_NUMERIC, LAST_NUMERIC + 1);
  for (const [first, last] of UNARY) pops.fill(1, first, last + 1);
  return pops;
}

const CONSTANT = { from: "constant", local: -1, version: 0 } as const;
const STACK = { from: "stack", local: -1, version: 0 } as const;

/**
 * Follows what is known of the values on the operand stack from instruction to instruction. What is not followed is
 * unknown, and so is all that was there before it: nothing wrong is ever said.
 */
export class OperandStack {
  readonly #module: WasmModule;
  readonly #stackPointer: number;
  /** Locals that never hold anything but the stack pointer plus a constant. */
  readonly #stackLocals: ReadonlySet<number>;
  #values: (KnownValue | undefined)[] = [];
  readonly #versions = new Map<number, number>();

  constructor(module: WasmModule, stackPointer: number, stackLocals: ReadonlySet<number> = new Set()) {
    this.#module = module;
    this.#stackPointer = stackPointer;
    this.#stackLocals = stackLocals;
  }

  /** What is known of the value so many below the top. */
  at(depth: number): KnownValue | undefined {
    return this.#values[this.#values.length - 1 - depth];
  }

  /** Whether a local is still what it was when this value was read from it. */
  isCurrent(value: KnownValue): boolean {
    return value.from === "local" && this.#versionOf(value.local) === value.version;
  }

  /** Goes past the instruction that was read. */
  step(reader: InstructionReader): void {
    const { opcode, value } = reader;
    switch (opcode) {
      case Op.LOCAL_GET:
        this.#values.push(this.#read(value));
        return;
      case Op.LOCAL_SET:
        this.#values.pop();
        this.#change(value);
        return;
      case Op.LOCAL_TEE:
        this.#values.pop();
        this.#change(value);
        this.#values.push(this.#read(value));
        return;
      case Op.GLOBAL_GET:
        this.#values.push(value === this.#stackPointer ? { ...STACK, plus: 0 } : undefined);
        return;
      case Op.GLOBAL_SET:
      case Op.DROP:
        this.#values.pop();
        return;
      case Op.I32_CONST:
      case Op.I64_CONST:
        this.#values.push({ ...CONSTANT, plus: value });
        return;
      case Op.CALL:
        this.#call(value);
        return;
      default:
        this.#other(reader);
    }
  }

  #other(reader: InstructionReader): void {
    const { opcode } = reader;
    const pops = POPS[opcode]!;
    if (pops > 0) {
      this.#numeric(opcode, pops);
      return;
    }
    const found = accessOf(reader);
    if (found !== undefined) this.#replace(found.operands.length + 1, found.resultCount);
    else if (opcode === Op.SELECT) this.#replace(3, 1);
    else if (opcode === Op.BR_IF) this.#values.pop();
    else if (opcode === Op.F32_CONST || opcode === Op.F64_CONST) this.#values.push(undefined);
    else if (opcode !== Op.NOP) this.#values = [];
  }

  #numeric(opcode: number, pops: number): void {
    const [one, other] = [this.at(1), this.at(0)];
    const isSum = opcode === Op.I32_ADD || opcode === Op.I64_ADD;
    const isDifference = opcode === Op.I32_SUB || opcode === Op.I64_SUB;
    this.#replace(pops, 0);
    let result: KnownValue | undefined;
    if ((isSum || isDifference) && one !== undefined && other?.from === "constant") {
      result = { ...one, plus: one.plus + (isSum ? other.plus : -other.plus) };
    } else if (isSum && other !== undefined && one?.from === "constant") {
      result = { ...other, plus: other.plus + one.plus };
    }
    this.#values.push(result);
  }

  #call(functionIndex: number): void {
    const type = this.#module.typeOf(functionIndex);
    if (type === undefined) this.#values = [];
    else this.#replace(type.params.length, type.results.length);
  }

  #replace(pops: number, pushes: number): void {
    this.#values.length = Math.max(0, this.#values.length - pops);
    for (let left = pushes; left > 0; left--) this.#values.push(undefined);
  }

  #read(local: number): KnownValue {
    if (this.#stackLocals.has(local)) return { ...STACK, plus: 0 };
    return { from: "local", local, version: this.#versionOf(local), plus: 0 };
  }

  #versionOf(local: number): number {
    return this.#versions.get(local) ?? 0;
  }

  #change(local: number): void {
    this.#versions.set(local, this.#versionOf(local) + 1);
  }
}

/** Whether code may go on at an instruction that comes from elsewhere. */
export function isJoin({ opcode }: InstructionReader): boolean {
  return JOINS.has(opcode);
}
