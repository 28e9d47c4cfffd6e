import { ByteReader, badModule } from "./bytes.ts";
import { EMPTY_BLOCK, IMMEDIATES, Immediate, MEMARG_HAS_MEMORY, Op, PREFIXED_IMMEDIATES, Type } from "./layout.ts";

const F32_BYTES = 4;
const F64_BYTES = 8;
const VECTOR_BYTES = 16;
/** The clauses of try_table that name a tag have lower numbers. */
const FIRST_CATCH_ALL = 2;
const LAST_CATCH = 3;

/** Reads instructions one after another, each with all that belongs to it. */
export class InstructionReader extends ByteReader {
  /** The opcode of the last instruction, and the number after it where it is a prefix. */
  opcode = 0;
  prefixed = 0;
  /** Where the last instruction begins, and its first immediate. */
  startsAt = 0;
  immediateAt = 0;
  /** Its first immediate, if that is an index or a constant; the offset of a memory operand. */
  value = 0;
  /** The memory that its operand names, and log2 of the alignment that is promised there. */
  memory = 0;
  alignment = 0;

  /** Goes past one instruction. Throws BAD_MODULE for an unknown one. */
  next(): void {
    this.startsAt = this.at;
    this.opcode = this.byte();
    let kind = IMMEDIATES[this.opcode]!;
    if (kind === Immediate.PREFIX) {
      this.prefixed = this.u32();
      kind = PREFIXED_IMMEDIATES[this.opcode]![this.prefixed] ?? Immediate.UNKNOWN;
    }
    this.immediateAt = this.at;
    if (kind !== Immediate.NONE) this.#immediate(kind);
  }

  /** Goes past a constant expression, and says what it is and which functions it names. */
  constant(globalOf: (index: number) => number | undefined = () => undefined): ConstantExpression {
    const functionSites: number[] = [];
    const stack: (number | undefined)[] = [];
    for (;;) {
      this.next();
      const { opcode, value, immediateAt } = this;
      if (opcode === Op.END) {
        const result = stack.length === 1 ? stack[0] : undefined;
        return { value: result !== undefined && result >= 0 ? result : undefined, functionSites };
      }
      if (opcode === Op.REF_FUNC) functionSites.push(immediateAt);
      if (opcode === Op.I32_CONST) stack.push(value >>> 0);
      else if (opcode === Op.I64_CONST) stack.push(value);
      else if (opcode === Op.GLOBAL_GET) stack.push(globalOf(value));
      else if (isArithmetic(opcode)) stack.push(computed(opcode, stack.pop(), stack.pop()));
      else stack.push(undefined);
    }
  }

  #immediate(kind: number): void {
    switch (kind) {
      case Immediate.INDEX:
      case Immediate.FUNCTION:
        this.value = this.u32();
        return;
      case Immediate.MEMORY_OPERAND:
        this.#memoryOperand();
        return;
      case Immediate.I32:
        this.value = this.s32();
        return;
      case Immediate.BLOCK:
        this.blockType();
        return;
      case Immediate.TWO_INDICES:
        this.value = this.u32();
        this.u32();
        return;
      case Immediate.I64:
        this.value = this.signed(64);
        return;
      case Immediate.F32:
        this.skip(F32_BYTES);
        return;
      case Immediate.F64:
        this.skip(F64_BYTES);
        return;
      default:
        this.#rareImmediate(kind);
    }
  }

  #rareImmediate(kind: number): void {
    switch (kind) {
      case Immediate.BRANCH_TABLE:
        for (let left = this.count() + 1; left > 0; left--) this.u32();
        return;
      case Immediate.LANE:
      case Immediate.BYTE:
        this.skip(1);
        return;
      case Immediate.VECTOR:
        this.skip(VECTOR_BYTES);
        return;
      case Immediate.MEMORY_OPERAND_LANE:
        this.#memoryOperand();
        this.skip(1);
        return;
      case Immediate.HEAP_TYPE:
        this.heapType();
        return;
      case Immediate.SELECT_TYPES:
        for (let left = this.count(); left > 0; left--) this.valueType();
        return;
      case Immediate.TRY_TABLE:
        this.#tryTable();
        return;
      case Immediate.GC_CAST_BRANCH:
        this.skip(1);
        this.u32();
        this.heapType();
        this.heapType();
        return;
      default:
        throw badModule(`there is no instruction ${instructionText(this.opcode, this.prefixed)} here`, this.startsAt);
    }
  }

  #memoryOperand(): void {
    const flags = this.u32();
    if (flags >= 2 * MEMARG_HAS_MEMORY) throw badModule("a memory operand has unknown flags", this.immediateAt);
    this.alignment = flags & ~MEMARG_HAS_MEMORY;
    this.memory = flags & MEMARG_HAS_MEMORY ? this.u32() : 0;
    this.value = this.u64();
  }

  #tryTable(): void {
    this.blockType();
    for (let left = this.count(2); left > 0; left--) {
      const clause = this.byte();
      if (clause > LAST_CATCH) throw badModule("a try_table has an unknown clause", this.at - 1);
      if (clause < FIRST_CATCH_ALL) this.u32();
      this.u32();
    }
  }

  heapType(): void {
    this.signed(33);
  }

  /** A type of values; the first byte is returned. */
  valueType(): number {
    const type = this.byte();
    if (type === Type.REF || type === Type.REF_NULL) this.heapType();
    else if (type < Type.V128 && (type < Type.FIRST_ABSTRACT || type > Type.LAST_ABSTRACT)) {
      throw badModule("there is no such type of values", this.at - 1);
    } else if (type > Type.I32) throw badModule("there is no such type of values", this.at - 1);
    return type;
  }

  blockType(): void {
    const first = this.bytes[this.at];
    if (this.at < this.end && first === EMPTY_BLOCK) this.at++;
    else if (first === Type.REF || first === Type.REF_NULL) this.valueType();
    else this.signed(33);
  }
}

/** What a constant expression is. */
export interface ConstantExpression {
  /** Its value, where that is known: an unsigned number. */
  readonly value: number | undefined;
  /** Where it has the indexes of functions. */
  readonly functionSites: readonly number[];
}

const ARITHMETIC: readonly number[] = [Op.I32_ADD, Op.I32_SUB, Op.I32_MUL, Op.I64_ADD, Op.I64_SUB, Op.I64_MUL];

function isArithmetic(opcode: number): boolean {
  return ARITHMETIC.includes(opcode);
}

/** What extended constant expressions compute; undefined where it is not known, or no exact number. */
function computed(opcode: number, second: number | undefined, first: number | undefined): number | undefined {
  if (first === undefined || second === undefined) return undefined;
  const isMultiplied = opcode === Op.I32_MUL || opcode === Op.I64_MUL;
  const isSum = opcode === Op.I32_ADD || opcode === Op.I64_ADD;
  if (opcode < Op.I64_ADD)
    return (isMultiplied ? Math.imul(first, second) : isSum ? first + second : first - second) >>> 0;
  const result = isMultiplied ? first * second : isSum ? first + second : first - second;
  return Number.isSafeInteger(result) ? result : undefined;
}

function instructionText(opcode: number, prefixed: number): string {
  const isPrefix = IMMEDIATES[opcode] === Immediate.PREFIX;
  return `0x${opcode.toString(16)}${isPrefix ? ` 0x${prefixed.toString(16)}` : ""}`;
}
