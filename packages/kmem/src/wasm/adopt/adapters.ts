import type { CFunctionName, Role } from "../allocator/roles.ts";
import { ByteWriter } from "../binary/bytes.ts";
import { EMPTY_BLOCK, Op, Type } from "../binary/layout.ts";

/** Every block of a heap is aligned to this. */
const BLOCK_ALIGNMENT = 16;
/** AssemblyScript's collector reads a block's size in the word before it: it gets a room of one alignment for that. */
const ROOM_BYTES = 16;
const SIZE_WORD_BYTES = 4;
const LEAST_PAYLOAD_BYTES = 12;
/** AssemblyScript's allocator aborts for more: BLOCK_MAXSIZE of its runtime. */
const MOST_PAYLOAD_BYTES = 2 ** 30 - SIZE_WORD_BYTES;
const ALIGN_4 = 2;
const I32_LE_U = 0x4d;
const I32_LT_U = 0x49;
const I32_GT_U = 0x4b;
const I64_LE_U = 0x58;
const I64_LT_U = 0x54;
const I64_EQZ = 0x50;
const MEMORY_COPY = 10;
/** The bits of a number that one byte of LEB128 has. */
const LEB_MASK = 0x7f;

/** Gives the index of an imported function of C in the new module. */
export type ImportIndexOf = (name: CFunctionName) => number;

/** Writes the body of a function in place of one that has another type than C's. */
class BodyWriter {
  readonly #out = new ByteWriter();
  readonly #is64: boolean;
  readonly #importIndexOf: ImportIndexOf;

  constructor(is64: boolean, importIndexOf: ImportIndexOf, localCount: number) {
    this.#is64 = is64;
    this.#importIndexOf = importIndexOf;
    if (localCount === 0) this.#out.byte(0);
    else this.#out.byte(1, localCount, this.#word);
  }

  get #word(): number {
    return this.#is64 ? Type.I64 : Type.I32;
  }

  get(...locals: readonly number[]): this {
    for (const local of locals) this.#out.byte(Op.LOCAL_GET, local);
    return this;
  }

  set(local: number): this {
    this.#out.byte(Op.LOCAL_SET, local);
    return this;
  }

  tee(local: number): this {
    this.#out.byte(Op.LOCAL_TEE, local);
    return this;
  }

  number(value: number): this {
    this.#out.byte(this.#is64 ? Op.I64_CONST : Op.I32_CONST);
    this.#out.s32(value);
    return this;
  }

  call(name: CFunctionName): this {
    this.#out.byte(Op.CALL);
    this.#out.u32(this.#importIndexOf(name));
    return this;
  }

  op(...opcodes: readonly number[]): this {
    this.#out.byte(...opcodes);
    return this;
  }

  /** By the width of a word. */
  wordOp(of32: number, of64: number): this {
    return this.op(this.#is64 ? of64 : of32);
  }

  isZero(): this {
    return this.wordOp(Op.I32_EQZ, I64_EQZ);
  }

  ifPlain(): this {
    return this.op(Op.IF, EMPTY_BLOCK);
  }

  end(): this {
    return this.op(Op.END);
  }

  body(): Uint8Array {
    this.end();
    return this.#out.written.slice();
  }
}

/** Rust's: `aligned_alloc(alignment, size)` for every alignment, and memory that is moved where it is a large one. */
function rustBody(role: Role, writer: BodyWriter): BodyWriter {
  if (role === "rust_alloc") return writer.get(1, 0).call("aligned_alloc");
  if (role === "rust_dealloc") return writer.get(0).call("free");
  if (role === "rust_alloc_zeroed") {
    writer.get(1, 0).call("aligned_alloc").tee(2).isZero().ifPlain().number(0).op(Op.RETURN).end();
    // memory.fill of memory 0
    return writer.get(2).op(Op.I32_CONST, 0).get(0).op(Op.MISC_PREFIX, 11, 0).get(2);
  }
  writer.get(2).number(BLOCK_ALIGNMENT).wordOp(I32_LE_U, I64_LE_U).ifPlain();
  writer.get(0, 3).call("realloc").op(Op.RETURN).end();
  writer.get(2, 3).call("aligned_alloc").tee(4).isZero().ifPlain().number(0).op(Op.RETURN).end();
  writer.get(4, 0, 1, 3, 1, 3).wordOp(I32_LT_U, I64_LT_U).op(Op.SELECT).op(Op.MISC_PREFIX, MEMORY_COPY, 0, 0);
  return writer.get(0).call("free").get(4);
}

/**
 * The bytes of a block's payload as AssemblyScript's allocator rounds them: a multiple of 16 less the size's word.
 * Traps for sizes that are too large for it.
 */
function payloadOf(writer: BodyWriter, size: number, into: number): BodyWriter {
  writer.get(size).number(MOST_PAYLOAD_BYTES).op(I32_GT_U).ifPlain().op(Op.UNREACHABLE).end();
  writer
    .get(size)
    .number(SIZE_WORD_BYTES + BLOCK_ALIGNMENT - 1)
    .op(Op.I32_ADD);
  writer.number(-BLOCK_ALIGNMENT).op(Op.I32_AND).number(SIZE_WORD_BYTES).op(Op.I32_SUB).tee(into);
  writer.number(LEAST_PAYLOAD_BYTES).get(into).number(LEAST_PAYLOAD_BYTES).op(I32_GT_U).op(Op.SELECT).set(into);
  return writer;
}

/** Stores the payload's size before it, and returns where it begins; traps without memory, as the old one does. */
function withSizeWord(writer: BodyWriter, block: number, payload: number): BodyWriter {
  writer.tee(block).isZero().ifPlain().op(Op.UNREACHABLE).end();
  writer.get(block, payload).op(Op.I32_STORE, ALIGN_4, ROOM_BYTES - SIZE_WORD_BYTES);
  return writer.get(block).number(ROOM_BYTES).op(Op.I32_ADD);
}

/** AssemblyScript's, whose collector keeps reading the size that its allocator has noted before each block. */
function assemblyScriptBody(role: Role, writer: BodyWriter, staticEnd: number): BodyWriter {
  if (role === "assemblyscript_free") {
    // What lies in static data is no block.
    writer.get(0).number(staticEnd).op(I32_LT_U).ifPlain().op(Op.RETURN).end();
    return writer.get(0).number(ROOM_BYTES).op(Op.I32_SUB).call("free");
  }
  const isRealloc = role === "assemblyscript_realloc";
  const [size, payload, block] = isRealloc ? [1, 2, 3] : [0, 1, 2];
  payloadOf(writer, size, payload);
  if (isRealloc) writer.get(0).number(ROOM_BYTES).op(Op.I32_SUB);
  writer
    .get(payload)
    .number(ROOM_BYTES)
    .op(Op.I32_ADD)
    .call(isRealloc ? "realloc" : "malloc");
  return withSizeWord(writer, block, payload);
}

const LOCALS: Readonly<Partial<Record<Role, number>>> = {
  rust_realloc: 1,
  rust_alloc_zeroed: 1,
  assemblyscript_alloc: 2,
  assemblyscript_realloc: 2,
};

/** The body of a function that does with C's functions what a role says; undefined where C's function does itself. */
export function adapterBody(
  role: Role,
  is64: boolean,
  importIndexOf: ImportIndexOf,
  staticEnd: number,
): Uint8Array | undefined {
  const writer = new BodyWriter(is64, importIndexOf, LOCALS[role] ?? 0);
  if (role.startsWith("rust_")) return rustBody(role, writer).body();
  if (role.startsWith("assemblyscript_")) return assemblyScriptBody(role, writer, staticEnd).body();
  return undefined;
}

/** A body that is never entered, of the same size as the one it takes the place of. */
export function emptyBody(sizeBytes: number): Uint8Array {
  return paddedBody(Uint8Array.of(0, Op.UNREACHABLE, Op.END), sizeBytes);
}

/** A body with as many instructions that do nothing before its end as its size wants. */
export function paddedBody(body: Uint8Array, sizeBytes: number): Uint8Array {
  if (body.length >= sizeBytes) return body;
  const padded = new Uint8Array(sizeBytes).fill(Op.NOP);
  padded.set(body.subarray(0, -1));
  padded[sizeBytes - 1] = Op.END;
  return padded;
}

/** A load of an integer that becomes a constant, from -64 to 63, in as many bytes: the address is dropped. */
export function constantInstead(load: Uint8Array, value: number): Uint8Array {
  const bytes = new Uint8Array(load.length).fill(Op.NOP);
  const [opcode = Op.I32_LOAD] = load;
  const is64 = opcode === Op.I64_LOAD || (opcode >= Op.FIRST_NARROW_I64_LOAD && opcode < Op.FIRST_STORE);
  bytes.set([Op.DROP, is64 ? Op.I64_CONST : Op.I32_CONST, value & LEB_MASK]);
  return bytes;
}
