import { describe, expect, it } from "vitest";
import { adopt } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { type BuiltFunction, buildModule, I32, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const [MALLOC, FREE, CHUNK_OF, SIZE_OF, IS_MAPPED, LAST] = [0, 1, 2, 3, 4, 5];
const EQUALS_ZERO = [0x45];
const LESS = [0x49];

/** What an optimizer for size leaves of dlmalloc: where a block's chunk begins, its size, and whether it has flags. */
const helpers: readonly BuiltFunction[] = [
  wordFunction(1, [...op.get(0), ...op.i32(8), ...op.sub]),
  wordFunction(1, [...op.get(0), ...op.load(4), ...op.i32(-8), ...op.and]),
  wordFunction(1, [...op.get(0), ...op.load8(4), ...op.i32(3), ...op.and, ...EQUALS_ZERO]),
];

function moduleWith(last: BuiltFunction): Uint8Array<ArrayBuffer> {
  return buildModule({ functions: [toyMalloc(), toyFree(), ...helpers, last] });
}

function reader(parameters: number, code: readonly number[]): BuiltFunction {
  return { params: Array.from({ length: parameters }, () => I32), results: [], locals: 1, code, exportAs: "last" };
}

const chunk = [...op.get(0), ...op.call(CHUNK_OF)];
const size = [...chunk, ...op.load(4), ...op.i32(-8), ...op.and];
/** Instructions that make a function longer than those that are always looked at. */
const long = Array.from({ length: 100 }, () => [...op.i32(1), ...op.drop]).flat();

describe("headers that are read by helpers which are not inlined", () => {
  it.each([
    ["by a check of a size", reader(2, [...size, ...op.get(1), ...LESS, ...op.ifVoid, ...op.unreachable, ...op.end])],
    ["by a long function", reader(2, [...size, ...op.drop, ...long])],
    ["by helpers only", reader(1, [...chunk, ...op.call(SIZE_OF), ...op.drop])],
    ["before it is freed", reader(1, [...chunk, ...op.call(SIZE_OF), ...op.drop, ...op.get(0), ...op.call(FREE)])],
    [
      "for the flags of a block, by calloc",
      reader(1, [
        ...[...op.get(0), ...op.call(MALLOC), ...op.tee(1), ...op.call(CHUNK_OF), ...op.call(IS_MAPPED)],
        ...[...op.ifVoid, ...op.get(1), ...op.i32(0), ...op.store(), ...op.end],
      ]),
    ],
  ])("are seen where they are read %s", (_, last) => {
    const module = moduleWith(last);
    expect(WebAssembly.validate(module)).toBe(true);
    expect(thrownBy(() => adopt(module)).details).toMatchObject({
      reason: "left",
      left: [{ functionIndex: LAST, uses: "header" }],
    });
  });

  it("are none where helpers read members of what is no block's", () => {
    const member = [...op.get(0), ...op.call(SIZE_OF), ...op.drop, ...op.get(0), ...op.load(4), ...op.drop];
    expect(adopt(moduleWith(reader(1, member))).imports).toEqual(["malloc", "free"]);
  });

  it("are not looked for without end where helpers call themselves", () => {
    const functions = [toyMalloc(), toyFree(), wordFunction(1, [...op.get(0), ...op.call(2)], { exportAs: "last" })];
    expect(adopt(buildModule({ functions })).imports).toEqual(["malloc", "free"]);
  });

  it("are not those of a function that is replaced itself, which has a helper's form", () => {
    const usableSize = wordFunction(
      1,
      [...op.get(0), ...op.i32(4), ...op.sub, ...op.load(), ...op.i32(-8), ...op.and],
      {
        exportAs: "malloc_usable_size",
      },
    );
    const room = wordFunction(1, [...op.get(0), ...op.call(2)], { exportAs: "room" });
    const { bytes, imports } = adopt(buildModule({ functions: [toyMalloc(), toyFree(), usableSize, room] }));
    expect(imports).toContain("malloc_usable_size");
    expect(WebAssembly.validate(bytes)).toBe(true);
  });

  describe("through functions that call one another", () => {
    /** The first one calls the second one, and so on; the last one is where a block's chunk begins. */
    const chain = (count: number, last: BuiltFunction): Uint8Array<ArrayBuffer> => {
      const calls = Array.from({ length: count }, (_, index) => wordFunction(1, [...op.get(0), ...op.call(index + 3)]));
      const chunk = wordFunction(1, [...op.get(0), ...op.i32(8), ...op.sub]);
      return buildModule({ functions: [toyMalloc(), toyFree(), ...calls, chunk, last] });
    };
    const sizeBy = (helper: number): BuiltFunction =>
      reader(2, [...op.get(0), ...op.call(helper), ...op.load(4), ...op.i32(-8), ...op.and, ...op.drop]);

    it("are not looked for without end where there are many of them", () => {
      expect(adopt(chain(20_000, sizeBy(2))).imports).toEqual(["malloc", "free"]);
    });

    it("are seen behind the last ones of many", () => {
      const COUNT = 100;
      const left = [{ functionIndex: COUNT + 3, uses: "header" }];
      expect(thrownBy(() => adopt(chain(COUNT, sizeBy(COUNT - 8)))).details).toMatchObject({ reason: "left", left });
    });
  });
});
