import { I32, I64, leb } from "../support/module-builder.ts";

const F32 = 0x7d;
const F64 = 0x7c;
const V128 = 0x7b;

/** An instruction that uses memory, as the specification has it. */
export interface Operation {
  readonly name: string;
  readonly opcode: readonly number[];
  readonly sizeBytes: number;
  readonly isStore: boolean;
  readonly isAtomic: boolean;
  /** The types of its operands above the address. */
  readonly operands: readonly number[];
  readonly hasResult: boolean;
  /** A lane follows its memory operand. */
  readonly hasLane: boolean;
}

type Parts = Partial<Omit<Operation, "name" | "opcode" | "sizeBytes">>;

function operation(name: string, opcode: readonly number[], sizeBytes: number, parts: Parts = {}): Operation {
  const plain = { isStore: false, isAtomic: false, operands: [], hasResult: parts.isStore !== true, hasLane: false };
  return { name, opcode, sizeBytes, ...plain, ...parts };
}

const LOADS: Readonly<Record<string, number>> = {
  "i32.load": 4,
  "i64.load": 8,
  "f32.load": 4,
  "f64.load": 8,
  "i32.load8_s": 1,
  "i32.load8_u": 1,
  "i32.load16_s": 2,
  "i32.load16_u": 2,
  "i64.load8_s": 1,
  "i64.load8_u": 1,
  "i64.load16_s": 2,
  "i64.load16_u": 2,
  "i64.load32_s": 4,
  "i64.load32_u": 4,
};

const STORES: readonly (readonly [name: string, bytes: number, type: number])[] = [
  ["i32.store", 4, I32],
  ["i64.store", 8, I64],
  ["f32.store", 4, F32],
  ["f64.store", 8, F64],
  ["i32.store8", 1, I32],
  ["i32.store16", 2, I32],
  ["i64.store8", 1, I64],
  ["i64.store16", 2, I64],
  ["i64.store32", 4, I64],
];

function simd(): Operation[] {
  const widening = ["8x8_s", "8x8_u", "16x4_s", "16x4_u", "32x2_s", "32x2_u"];
  return [
    operation("v128.load", [0xfd, 0], 16),
    ...widening.map((name, index) => operation(`v128.load${name}`, [0xfd, 1 + index], 8)),
    ...[1, 2, 4, 8].map((bytes, index) => operation(`v128.load${8 * bytes}_splat`, [0xfd, 7 + index], bytes)),
    operation("v128.store", [0xfd, 11], 16, { isStore: true, operands: [V128] }),
    ...[1, 2, 4, 8].map((bytes, index) => {
      return operation(`v128.load${8 * bytes}_lane`, [0xfd, 84 + index], bytes, { operands: [V128], hasLane: true });
    }),
    ...[1, 2, 4, 8].map((bytes, index) => {
      const parts = { isStore: true, operands: [V128], hasLane: true };
      return operation(`v128.store${8 * bytes}_lane`, [0xfd, 88 + index], bytes, parts);
    }),
    operation("v128.load32_zero", [0xfd, 92], 4),
    operation("v128.load64_zero", [0xfd, 93], 8),
  ];
}

const WIDTHS: readonly (readonly [name: string, bytes: number, type: number])[] = [
  ["i32", 4, I32],
  ["i64", 8, I64],
  ["i32 8", 1, I32],
  ["i32 16", 2, I32],
  ["i64 8", 1, I64],
  ["i64 16", 2, I64],
  ["i64 32", 4, I64],
];

function atomics(): Operation[] {
  const of = (name: string, first: number, parts: (type: number) => Parts): Operation[] =>
    WIDTHS.map(([width, bytes, type], index) => {
      return operation(`${width} atomic ${name}`, [0xfe, first + index], bytes, { isAtomic: true, ...parts(type) });
    });
  const modify = (type: number): Parts => ({ isStore: true, operands: [type], hasResult: true });
  return [
    operation("memory.atomic.notify", [0xfe, 0], 4, { isAtomic: true, operands: [I32] }),
    ...of("load", 0x10, () => ({})),
    ...of("store", 0x17, (type) => ({ isStore: true, operands: [type], hasResult: false })),
    ...["add", "sub", "and", "or", "xor", "xchg"].flatMap((name, index) => of(name, 0x1e + 7 * index, modify)),
    ...of("cmpxchg", 0x48, (type) => ({ isStore: true, operands: [type, type], hasResult: true })),
  ];
}

/** Every instruction of WebAssembly that loads or stores, but for those that wait. */
export const OPERATIONS: readonly Operation[] = [
  ...Object.entries(LOADS).map(([name, bytes], index) => operation(name, [0x28 + index], bytes)),
  ...STORES.map(([name, bytes, type], index) => {
    return operation(name, [0x36 + index], bytes, { isStore: true, operands: [type] });
  }),
  ...simd(),
  ...atomics(),
];

const ZEROS: Readonly<Record<number, readonly number[]>> = {
  [I32]: [0x41, 0],
  [I64]: [0x42, 0],
  [F32]: [0x43, 0, 0, 0, 0],
  [F64]: [0x44, 0, 0, 0, 0, 0, 0, 0, 0],
  [V128]: [0xfd, 12, ...new Array<number>(16).fill(0)],
};

/** The instruction with its operands after the address, which stands on the stack already; what it gives is dropped. */
export function codeOf(one: Operation, log2Alignment: number, offset: number): number[] {
  return [
    ...one.operands.flatMap((type) => ZEROS[type]!),
    ...[...one.opcode.slice(0, 1), ...one.opcode.slice(1).flatMap((number) => leb(number))],
    ...[log2Alignment, ...leb(offset), ...(one.hasLane ? [0] : []), ...(one.hasResult ? [0x1a] : [])],
  ];
}
