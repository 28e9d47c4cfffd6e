import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, lebBytes, putLeb } from "../../../src/wasm/binary/bytes.ts";
import { InstructionReader } from "../../../src/wasm/binary/instructions.ts";

const reader = (...bytes: readonly number[]): ByteReader => new ByteReader(Uint8Array.from(bytes));
const BAD = expect.objectContaining({ code: "BAD_MODULE" });

describe("numbers of the binary format", () => {
  it("are read as they were written, in any length that may be", () => {
    for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 - 1]) {
      for (let length = lebBytes(value); length <= 5; length++) {
        const bytes = new Uint8Array(5);
        expect(putLeb(bytes, 0, value, length)).toBe(length);
        expect(new ByteReader(bytes, 0, length).u32()).toBe(value);
      }
    }
    for (const value of [0, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)]) {
      const writer = new ByteWriter();
      writer.s32(value);
      expect(new ByteReader(writer.written).s32()).toBe(value);
      expect(new ByteReader(writer.written).signed(64)).toBe(value);
    }
  });

  it("are refused where they are longer than their type, or end too early", () => {
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x10).u32()).toThrow(BAD);
    expect(() => reader(0x80, 0x80, 0x80, 0x80, 0x80, 0).u32()).toThrow(BAD);
    expect(() => reader(0x80, 0x80).u32()).toThrow(BAD);
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0x4f).s32()).toThrow(BAD);
    expect(reader(0xff, 0xff, 0xff, 0xff, 0x7f).s32()).toBe(-1);
    expect(() => reader(...Array<number>(9).fill(0xff), 2).u64()).toThrow(BAD);
    expect(reader(...Array<number>(9).fill(0xff), 1).u64()).toBe(2 ** 64);
    expect(() => reader(...Array<number>(9).fill(0x80), 1).signed(64)).toThrow(BAD);
  });

  it("count no more items than the bytes can hold", () => {
    expect(() => reader(3, 0, 0).count()).toThrow(BAD);
    expect(() => reader(2, 0, 0).count(2)).toThrow(BAD);
    expect(() => reader(2, 0xff, 0xff).name()).toThrow(BAD);
  });
});

/** Instructions with all that belongs to them. */
const INSTRUCTIONS: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ["block with a type index", [0x02, 0x85, 0x01]],
  ["block with a reference type", [0x02, 0x63, 0x70]],
  ["br_table", [0x0e, 2, 0, 1, 2]],
  ["call_indirect", [0x11, 3, 0]],
  ["return_call", [0x12, 3]],
  ["call_ref", [0x14, 3]],
  ["select with types", [0x1c, 1, 0x7f]],
  ["try_table", [0x1f, 0x40, 2, 0, 1, 0, 2, 1]],
  ["throw", [0x08, 1]],
  ["delegate", [0x18, 0]],
  ["load of another memory", [0x28, 0x42, 1, 0x80, 0x01]],
  ["load with an offset of 64 bits", [0x28, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 1]],
  ["f64.const", [0x44, 1, 2, 3, 4, 5, 6, 7, 8]],
  ["ref.null", [0xd0, 0x70]],
  ["br_on_null", [0xd5, 0]],
  ["memory.init", [0xfc, 8, 1, 0]],
  ["memory.copy", [0xfc, 10, 0, 0]],
  ["memory.fill", [0xfc, 11, 0]],
  ["table.grow", [0xfc, 15, 0]],
  ["i64.mul_wide_u", [0xfc, 22]],
  ["v128.const", [0xfd, 12, ...Array<number>(16).fill(0x0b)]],
  ["i8x16.extract_lane", [0xfd, 21, 3]],
  ["v128.load8_lane", [0xfd, 84, 0, 0, 3]],
  ["a relaxed instruction", [0xfd, 0x93, 0x02]],
  ["i32.atomic.rmw.add", [0xfe, 0x1e, 2, 0]],
  ["atomic.fence", [0xfe, 3, 0]],
  ["struct.get", [0xfb, 2, 1, 0]],
  ["array.new_fixed", [0xfb, 8, 1, 3]],
  ["br_on_cast", [0xfb, 24, 1, 0, 0x6e, 0x70]],
  ["ref.i31", [0xfb, 28]],
];

describe("instructions", () => {
  it.each(INSTRUCTIONS)("are read to their end: %s", (_name, bytes) => {
    const instructions = new InstructionReader(Uint8Array.from([...bytes, 0x0b]));
    instructions.next();
    expect(instructions.at).toBe(bytes.length);
    instructions.next();
    expect(instructions.opcode).toBe(0x0b);
  });

  it.each([[0x27], [0xff], [0xfc, 0x40], [0xfd, 0xff, 0x03], [0xfb, 0x40], [0x1f, 0x40, 1, 4, 0], [0x1c, 1, 0x40]])(
    "are refused where there are none: %i %i",
    (...bytes) => {
      expect(() => new InstructionReader(Uint8Array.from([...bytes, 0, 0])).next()).toThrow(BAD);
    },
  );
});
