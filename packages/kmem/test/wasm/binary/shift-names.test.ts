import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/wasm/binary/bytes.ts";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { adopt } from "../../../src/wasm/index.ts";
import { type BuiltFunction, buildModule, leb, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const HINTS = "metadata.code.branch_hint";
const IF = op.ifVoid[0];

/** Hints for functions: each with the offsets in its body, from its locals on. */
type Hints = readonly (readonly [functionIndex: number, offsets: readonly number[]])[];

const written = (hints: Hints): number[] => [
  ...leb(hints.length),
  ...hints.flatMap(([index, offsets]) => [
    ...[...leb(index), ...leb(offsets.length)],
    ...offsets.flatMap((offset) => [...leb(offset), 1, 0]),
  ]),
];

function readHints(module: WasmModule): [number, number[]][] {
  const { start, end } = module.custom(HINTS)!;
  const reader = new ByteReader(module.bytes, start, end);
  const hints: [number, number[]][] = [];
  for (let left = reader.u32(); left > 0; left--) {
    const index = reader.u32();
    const offsets: number[] = [];
    for (let inner = reader.u32(); inner > 0; inner--) {
      offsets.push(reader.u32());
      reader.skip(reader.u32());
    }
    hints.push([index, offsets]);
  }
  expect(reader.isDone).toBe(true);
  return hints;
}

describe("the hints of which way branches go", () => {
  const count = 140;
  const branch = [...op.i32(0), ...op.ifVoid, ...op.end];
  const called = (index: number): number[] => [...op.call(index), ...op.drop];
  const many = Array.from({ length: count }, () => wordFunction(0, op.i32(0)));
  // The last functions whose number is one byte get one of two bytes.
  const grows: BuiltFunction = {
    ...wordFunction(0, [...branch, ...called(126), ...branch, ...called(127), ...called(20), ...branch, ...op.i32(0)]),
    exportAs: "grows",
  };
  const stays: BuiltFunction = { ...wordFunction(0, [...branch, ...op.i32(0)]), exportAs: "stays" };
  const functions = [toyMalloc(), toyFree(), ...many, grows, stays];
  const [growing, staying] = [count + 2, count + 3];
  const hints: Hints = [
    [0, [1]],
    [growing, [3, 11, 22]],
    [staying, [3]],
  ];
  const adopted = (bytes: readonly number[]) =>
    new WasmModule(adopt(buildModule({ functions, custom: [{ name: HINTS, bytes }] })).bytes);

  it("follow instructions that move within their function, and end with a body that is replaced", () => {
    const module = adopted(written(hints));
    const found = readHints(module);
    expect(found).toEqual([
      [growing + 2, [3, 12, 24]],
      [staying + 2, [3]],
    ]);
    for (const [index, offsets] of found) {
      const start = module.bodyStarts[index - module.importedFunctionCount]!;
      for (const offset of offsets) expect(module.bytes[start + offset]).toBe(IF);
    }
  });

  it("are none where they are malformed", () => {
    expect(readHints(adopted(written(hints).slice(0, -1)))).toEqual([]);
    expect(readHints(adopted(written([[9999, [3]]])))).toEqual([[10_001, [3]]]);
  });
});
