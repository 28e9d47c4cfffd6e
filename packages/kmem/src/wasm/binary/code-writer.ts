import { ByteWriter } from "./bytes.ts";
import { EMPTY_BLOCK, Op, Type } from "./layout.ts";

const I32_LOAD8_U = 0x2d;
const I32_LOAD16_U = 0x2f;
const I32_STORE8 = 0x3a;
const I32_SHL = 0x74;
const I32_SHR_U = 0x76;
const I64_SHL = 0x86;
const I64_SHR_U = 0x88;
const I32_WRAP_I64 = 0xa7;
const I64_EXTEND_I32_U = 0xad;
const WORD_ALIGNMENT = 2;
/** Numbers of bits that the low seven of a byte of LEB128 hold. */
const LEB_BITS = 7;
const LEB_SIGN = 0x40;

/** Writes code, in which addresses are words of the memory: i32, or i64 where it has addresses of 64 bits. */
export class CodeWriter extends ByteWriter {
  readonly is64: boolean;

  constructor(is64: boolean, expectedBytes?: number) {
    super(expectedBytes);
    this.is64 = is64;
  }

  get word(): number {
    return this.is64 ? Type.I64 : Type.I32;
  }

  get(local: number): this {
    return this.#indexed(Op.LOCAL_GET, local);
  }

  set(local: number): this {
    return this.#indexed(Op.LOCAL_SET, local);
  }

  tee(local: number): this {
    return this.#indexed(Op.LOCAL_TEE, local);
  }

  call(functionIndex: number): this {
    return this.#indexed(Op.CALL, functionIndex);
  }

  #indexed(opcode: number, index: number): this {
    this.oneByte(opcode);
    this.u32(index);
    return this;
  }

  op(opcode: number): this {
    this.oneByte(opcode);
    return this;
  }

  i32(value: number): this {
    this.oneByte(Op.I32_CONST);
    this.s32(value | 0);
    return this;
  }

  /** A constant that is an address, or counts bytes: up to 2^53. */
  address(value: number): this {
    if (!this.is64) return this.i32(value);
    this.oneByte(Op.I64_CONST);
    for (let rest = value; ; ) {
      const low = rest % 2 ** LEB_BITS;
      rest = Math.floor(rest / 2 ** LEB_BITS);
      const isLast = rest === 0 && low < LEB_SIGN;
      this.oneByte(isLast ? low : low + 2 ** LEB_BITS);
      if (isLast) return this;
    }
  }

  /** Adds a constant to the address on the stack. */
  plus(value: number): this {
    if (value === 0) return this;
    return this.address(value).op(this.is64 ? Op.I64_ADD : Op.I32_ADD);
  }

  shiftedRight(bits: number): this {
    return this.address(bits).op(this.is64 ? I64_SHR_U : I32_SHR_U);
  }

  shiftedLeft(bits: number): this {
    return bits === 0 ? this : this.address(bits).op(this.is64 ? I64_SHL : I32_SHL);
  }

  /** The i32 on the stack becomes an address. */
  asAddress(): this {
    return this.is64 ? this.op(I64_EXTEND_I32_U) : this;
  }

  /** The address on the stack becomes an i32. */
  asI32(): this {
    return this.is64 ? this.op(I32_WRAP_I64) : this;
  }

  /** An i32 of so many bytes, from 1, 2 or 4, at the address on the stack and an offset; of any alignment. */
  load(bytes: number, offset: number): this {
    this.oneByte(bytes === 1 ? I32_LOAD8_U : bytes === 2 ? I32_LOAD16_U : Op.I32_LOAD);
    return this.#operand(0, offset);
  }

  loadWord(offset: number): this {
    return this.op(Op.I32_LOAD).#operand(WORD_ALIGNMENT, offset);
  }

  storeWord(offset: number): this {
    return this.op(Op.I32_STORE).#operand(WORD_ALIGNMENT, offset);
  }

  storeByte(offset: number): this {
    return this.op(I32_STORE8).#operand(0, offset);
  }

  #operand(alignment: number, offset: number): this {
    this.oneByte(alignment);
    this.u32(offset);
    return this;
  }

  ifPlain(): this {
    return this.op(Op.IF).op(EMPTY_BLOCK);
  }

  end(): this {
    return this.op(Op.END);
  }
}
