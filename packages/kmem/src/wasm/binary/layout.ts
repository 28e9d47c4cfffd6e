/** The numbers of WebAssembly's binary format: sections, types, and what follows each opcode. */

/** The first eight bytes of a module as two words: "\0asm", and version 1 of layer 0. */
export const MODULE_MAGIC = 0x6d73_6100;
export const MODULE_VERSION = 1;
export const MODULE_HEADER_BYTES = 8;

/** A word of a 32-bit memory: a pointer, a size, an i32. */
export const WORD_BYTES = 4;

/** The ids of sections. */
export const Section = {
  CUSTOM: 0,
  TYPE: 1,
  IMPORT: 2,
  FUNCTION: 3,
  TABLE: 4,
  MEMORY: 5,
  GLOBAL: 6,
  EXPORT: 7,
  START: 8,
  ELEMENT: 9,
  CODE: 10,
  DATA: 11,
  DATA_COUNT: 12,
  TAG: 13,
} as const;

/** The order in which sections stand, whatever their ids are: custom ones stand anywhere. */
export const SECTION_ORDER: readonly number[] = [
  Section.TYPE,
  Section.IMPORT,
  Section.FUNCTION,
  Section.TABLE,
  Section.MEMORY,
  Section.TAG,
  Section.GLOBAL,
  Section.EXPORT,
  Section.START,
  Section.ELEMENT,
  Section.DATA_COUNT,
  Section.CODE,
  Section.DATA,
];

/** What is imported and exported. */
export const External = { FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3, TAG: 4 } as const;

/** Bytes that begin types. */
export const Type = {
  I32: 0x7f,
  I64: 0x7e,
  F32: 0x7d,
  F64: 0x7c,
  V128: 0x7b,
  I8: 0x78,
  I16: 0x77,
  /** The first and last byte of the abstract heap types, each also a nullable reference to it. */
  FIRST_ABSTRACT: 0x68,
  LAST_ABSTRACT: 0x74,
  REF: 0x64,
  REF_NULL: 0x63,
  FUNCTION: 0x60,
  STRUCT: 0x5f,
  ARRAY: 0x5e,
  SUB: 0x50,
  SUB_FINAL: 0x4f,
  REC: 0x4e,
} as const;

/** The block type that names nothing. */
export const EMPTY_BLOCK = 0x40;

/** Flags of limits: of tables and memories. */
export const Limits = { HAS_MAXIMUM: 1, SHARED: 2, IS_64: 4, HAS_PAGE_SIZE: 8 } as const;

/** Flags of element segments. */
export const Element = { NOT_ACTIVE: 1, HAS_INDEX: 2, DECLARED: 3, EXPRESSIONS: 4, MOST: 7 } as const;

/** Flags of data segments. */
export const Data = { ACTIVE: 0, PASSIVE: 1, ACTIVE_INDEX: 2 } as const;

/** The bit of a memory operand's first number that says that the index of a memory follows. */
export const MEMARG_HAS_MEMORY = 0x40;

/** Opcodes that are looked at; all others are only read over. */
export const Op = {
  UNREACHABLE: 0x00,
  NOP: 0x01,
  BLOCK: 0x02,
  LOOP: 0x03,
  IF: 0x04,
  ELSE: 0x05,
  END: 0x0b,
  BR: 0x0c,
  BR_IF: 0x0d,
  BR_TABLE: 0x0e,
  RETURN: 0x0f,
  CALL: 0x10,
  CALL_INDIRECT: 0x11,
  RETURN_CALL: 0x12,
  RETURN_CALL_INDIRECT: 0x13,
  CALL_REF: 0x14,
  RETURN_CALL_REF: 0x15,
  DROP: 0x1a,
  SELECT: 0x1b,
  SELECT_TYPED: 0x1c,
  LOCAL_GET: 0x20,
  LOCAL_SET: 0x21,
  LOCAL_TEE: 0x22,
  GLOBAL_GET: 0x23,
  GLOBAL_SET: 0x24,
  I32_LOAD: 0x28,
  I64_LOAD: 0x29,
  /** From i64.load8_s to i64.load32_u, which is the last load. */
  FIRST_NARROW_I64_LOAD: 0x30,
  FIRST_STORE: 0x36,
  I32_STORE: 0x36,
  LAST_MEMORY: 0x3e,
  MEMORY_SIZE: 0x3f,
  MEMORY_GROW: 0x40,
  I32_CONST: 0x41,
  I64_CONST: 0x42,
  F32_CONST: 0x43,
  F64_CONST: 0x44,
  I32_EQZ: 0x45,
  I32_EQ: 0x46,
  I32_NE: 0x47,
  I32_LT_U: 0x49,
  I32_GT_U: 0x4b,
  I32_LE_U: 0x4d,
  I32_GE_U: 0x4f,
  I32_ADD: 0x6a,
  I32_SUB: 0x6b,
  I32_MUL: 0x6c,
  I32_AND: 0x71,
  I32_OR: 0x72,
  I32_XOR: 0x73,
  I32_SHL: 0x74,
  I32_SHR_U: 0x76,
  I64_ADD: 0x7c,
  I64_SUB: 0x7d,
  I64_MUL: 0x7e,
  I64_AND: 0x83,
  REF_NULL: 0xd0,
  REF_FUNC: 0xd2,
  GC_PREFIX: 0xfb,
  MISC_PREFIX: 0xfc,
  SIMD_PREFIX: 0xfd,
  ATOMIC_PREFIX: 0xfe,
} as const;

/** What follows an opcode. */
export const Immediate = {
  UNKNOWN: 0,
  NONE: 1,
  INDEX: 2,
  FUNCTION: 3,
  TWO_INDICES: 4,
  BLOCK: 5,
  BRANCH_TABLE: 6,
  MEMORY_OPERAND: 7,
  I32: 8,
  I64: 9,
  F32: 10,
  F64: 11,
  HEAP_TYPE: 12,
  SELECT_TYPES: 13,
  TRY_TABLE: 14,
  LANE: 15,
  MEMORY_OPERAND_LANE: 16,
  VECTOR: 17,
  BYTE: 18,
  GC_CAST_BRANCH: 19,
  PREFIX: 20,
} as const;

const ranges = (kinds: Uint8Array, kind: number, ...spans: readonly (readonly [number, number])[]): void => {
  for (const [first, last] of spans) kinds.fill(kind, first, last + 1);
};

/** By opcode, what follows it. */
export const IMMEDIATES: Uint8Array = /* @__PURE__ */ plainImmediates();

function plainImmediates(): Uint8Array {
  const kinds = new Uint8Array(256);
  ranges(kinds, Immediate.NONE, [0x00, 0x01], [0x05, 0x05], [0x0a, 0x0b], [0x0f, 0x0f], [0x19, 0x1b], [0x45, 0xc4]);
  ranges(kinds, Immediate.NONE, [0xd1, 0xd1], [0xd3, 0xd4]);
  ranges(kinds, Immediate.BLOCK, [0x02, 0x04], [0x06, 0x06]);
  // catch, throw, rethrow · br, br_if · call_ref, return_call_ref · delegate · locals, globals, tables · on null
  ranges(kinds, Immediate.INDEX, [0x07, 0x09], [0x0c, 0x0d], [0x14, 0x15], [0x18, 0x18], [0x20, 0x26], [0x3f, 0x40]);
  ranges(kinds, Immediate.INDEX, [0xd5, 0xd6]);
  ranges(kinds, Immediate.BRANCH_TABLE, [0x0e, 0x0e]);
  ranges(kinds, Immediate.FUNCTION, [0x10, 0x10], [0x12, 0x12], [0xd2, 0xd2]);
  ranges(kinds, Immediate.TWO_INDICES, [0x11, 0x11], [0x13, 0x13]);
  ranges(kinds, Immediate.SELECT_TYPES, [0x1c, 0x1c]);
  ranges(kinds, Immediate.TRY_TABLE, [0x1f, 0x1f]);
  ranges(kinds, Immediate.MEMORY_OPERAND, [0x28, 0x3e]);
  ranges(kinds, Immediate.I32, [0x41, 0x41]);
  ranges(kinds, Immediate.I64, [0x42, 0x42]);
  ranges(kinds, Immediate.F32, [0x43, 0x43]);
  ranges(kinds, Immediate.F64, [0x44, 0x44]);
  ranges(kinds, Immediate.HEAP_TYPE, [0xd0, 0xd0]);
  ranges(kinds, Immediate.PREFIX, [0xfb, 0xfe]);
  return kinds;
}

/** By the number after a prefix, what follows: 0xfb garbage collection, 0xfc misc, 0xfd SIMD, 0xfe threads. */
export const PREFIXED_IMMEDIATES: Readonly<Record<number, Uint8Array>> = /* @__PURE__ */ prefixedImmediates();

function prefixedImmediates(): Record<number, Uint8Array> {
  const collection = new Uint8Array(0x20);
  ranges(collection, Immediate.INDEX, [0, 1], [6, 7], [11, 14], [16, 16]);
  ranges(collection, Immediate.TWO_INDICES, [2, 5], [8, 10], [17, 19]);
  ranges(collection, Immediate.NONE, [15, 15], [26, 30]);
  ranges(collection, Immediate.HEAP_TYPE, [20, 23]);
  ranges(collection, Immediate.GC_CAST_BRANCH, [24, 25]);
  const misc = new Uint8Array(0x17);
  ranges(misc, Immediate.NONE, [0, 7], [19, 22]);
  ranges(misc, Immediate.TWO_INDICES, [8, 8], [10, 10], [12, 12], [14, 14]);
  ranges(misc, Immediate.INDEX, [9, 9], [11, 11], [13, 13], [15, 17]);
  // i64.add128, i64.sub128, i64.mul_wide_s and _u are 19 to 22; memory.discard (18) is not standard.
  const simd = new Uint8Array(0x114);
  ranges(simd, Immediate.NONE, [14, 20], [35, 83], [94, 275]);
  ranges(simd, Immediate.MEMORY_OPERAND, [0, 11], [92, 93]);
  ranges(simd, Immediate.VECTOR, [12, 13]);
  ranges(simd, Immediate.LANE, [21, 34]);
  ranges(simd, Immediate.MEMORY_OPERAND_LANE, [84, 91]);
  const atomic = new Uint8Array(0x4f);
  ranges(atomic, Immediate.MEMORY_OPERAND, [0, 2], [16, 78]);
  ranges(atomic, Immediate.BYTE, [3, 3]);
  return {
    [Op.GC_PREFIX]: collection,
    [Op.MISC_PREFIX]: misc,
    [Op.SIMD_PREFIX]: simd,
    [Op.ATOMIC_PREFIX]: atomic,
  };
}
