import type { InstructionReader } from "./instructions.ts";
import { Op, Type } from "./layout.ts";

/** What an instruction does with memory. */
export interface Access {
  readonly sizeBytes: number;
  /** Atomic ones that read and write are stores. */
  readonly isStore: boolean;
  /** The types of its operands above the address, the last one on top. */
  readonly operands: readonly number[];
  readonly resultCount: number;
}

const access = (sizeBytes: number, isStore: boolean, operands: readonly number[], resultCount = 1): Access => ({
  sizeBytes,
  isStore,
  operands,
  resultCount,
});
const load = (sizeBytes: number): Access => access(sizeBytes, false, []);
const store = (sizeBytes: number, type: number): Access => access(sizeBytes, true, [type], 0);

const { I32, I64, F32, F64, V128 } = Type;

/** From i32.load to i64.store32, by opcode. */
const PLAIN: readonly Access[] = [
  ...[4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4].map(load),
  ...[store(4, I32), store(8, I64), store(4, F32), store(8, F64), store(1, I32), store(2, I32)],
  ...[store(1, I64), store(2, I64), store(4, I64)],
];

const VECTOR_BYTES = 16;
const LANE_BYTES = [1, 2, 4, 8];

const SIMD: ReadonlyMap<number, Access> = /* @__PURE__ */ new Map<number, Access>([
  // v128.load, those that widen eight bytes, those that splat; v128.store
  ...[VECTOR_BYTES, 8, 8, 8, 8, 8, 8, 1, 2, 4, 8].map((bytes, index): [number, Access] => [index, load(bytes)]),
  [0x0b, store(VECTOR_BYTES, V128)],
  ...LANE_BYTES.map((bytes, index): [number, Access] => [0x54 + index, access(bytes, false, [V128])]),
  ...LANE_BYTES.map((bytes, index): [number, Access] => [0x58 + index, store(bytes, V128)]),
  [0x5c, load(4)],
  [0x5d, load(8)],
]);

/** The widths of atomic instructions, in the order in which each operation has them, and the types of their values. */
const ATOMIC_WIDTHS: readonly (readonly [bytes: number, type: number])[] = [
  [4, I32],
  [8, I64],
  [1, I32],
  [2, I32],
  [1, I64],
  [2, I64],
  [4, I64],
];
const Atomic = { NOTIFY: 0, WAIT32: 1, WAIT64: 2, LOAD: 0x10, STORE: 0x17, MODIFY: 0x1e, EXCHANGE_IF: 0x48 } as const;

const ATOMICS: ReadonlyMap<number, Access> = /* @__PURE__ */ new Map<number, Access>([
  [Atomic.NOTIFY, access(4, false, [I32])],
  [Atomic.WAIT32, access(4, false, [I32, I64])],
  [Atomic.WAIT64, access(8, false, [I64, I64])],
  ...ATOMIC_WIDTHS.map(([bytes], index): [number, Access] => [Atomic.LOAD + index, load(bytes)]),
  ...ATOMIC_WIDTHS.map(([bytes, type], index): [number, Access] => [Atomic.STORE + index, store(bytes, type)]),
  ...Array.from({ length: Atomic.EXCHANGE_IF - Atomic.MODIFY }, (_, index): [number, Access] => {
    const [bytes, type] = ATOMIC_WIDTHS[index % ATOMIC_WIDTHS.length]!;
    return [Atomic.MODIFY + index, access(bytes, true, [type])];
  }),
  ...ATOMIC_WIDTHS.map(([bytes, type], index): [number, Access] => [
    Atomic.EXCHANGE_IF + index,
    access(bytes, true, [type, type]),
  ]),
]);

/** What the last instruction that was read does with memory 0; undefined where nothing, or with another memory. */
export function accessOf({ opcode, prefixed, memory }: InstructionReader): Access | undefined {
  let found: Access | undefined;
  if (opcode >= Op.I32_LOAD && opcode <= Op.LAST_MEMORY) found = PLAIN[opcode - Op.I32_LOAD];
  else if (opcode === Op.SIMD_PREFIX) found = SIMD.get(prefixed);
  else if (opcode === Op.ATOMIC_PREFIX) found = ATOMICS.get(prefixed);
  return found !== undefined && memory === 0 ? found : undefined;
}
