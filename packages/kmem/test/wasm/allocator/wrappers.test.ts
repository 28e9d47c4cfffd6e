import { describe, expect, it, vi } from "vitest";
import { CodeFacts } from "../../../src/wasm/code/code-facts.ts";
import { adopt } from "../../../src/wasm/index.ts";
import { type BuiltFunction, buildModule, I32, op } from "../support/module-builder.ts";
import { instantiated, toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

/** A function without a result that hands its first argument to another. */
function handing(count: number, index: number, names: Partial<BuiltFunction> = {}): BuiltFunction {
  const { results: _, ...function_ } = wordFunction(count, [...op.get(0), ...op.call(index)], names);
  return { ...function_, results: [] };
}

const foundIn = (functions: readonly BuiltFunction[]) =>
  adopt(buildModule({ functions })).found.map(({ role, functionIndex, evidence }) => [role, functionIndex, evidence]);

describe("an allocator below wasm-bindgen's wrappers", () => {
  const wrapper = (count: number, index: number, exportAs: string) =>
    wordFunction(count, [...op.get(0), ...op.call(index)], { exportAs });

  it("is found", () => {
    const wrapped = [
      toyMalloc({}),
      toyFree({}),
      wrapper(2, 0, "__wbindgen_malloc"),
      handing(3, 1, { exportAs: "__wbindgen_free" }),
    ];
    const adopted = adopt(buildModule({ functions: wrapped }));
    expect(adopted.found.map(({ role, functionIndex, evidence }) => [role, functionIndex, evidence])).toEqual([
      ["malloc", 0, "wrapper"],
      ["free", 1, "wrapper"],
    ]);
    const { exported, calls } = instantiated(adopted);
    exported["__wbindgen_free"]!(exported["__wbindgen_malloc"]!(24, 8), 24, 8);
    expect(calls).toEqual(["malloc(24)", "free(32768)"]);
  });

  it("is found below those that have no alignment yet, by their names, and three calls down", () => {
    const functions = [
      toyMalloc({}),
      toyFree({}),
      wordFunction(2, [...op.get(0), ...op.call(0)]),
      wordFunction(2, [...op.get(0), ...op.i32(4), ...op.call(2)]),
      wordFunction(1, [...op.get(0), ...op.i32(1), ...op.call(3)], { exportAs: "__wbindgen_malloc" }),
      wordFunction(3, [...op.get(2), ...op.call(0)], { exportAs: "__wbindgen_realloc" }),
      handing(2, 1, { exportAs: "__wbindgen_free" }),
    ];
    expect(foundIn(functions)).toEqual([
      ["malloc", 0, "wrapper"],
      ["free", 1, "wrapper"],
    ]);
  });

  it("is found where each wrapper first calls what initializes the program", () => {
    const words = [3000, 3004, 3008, 3012, 3016, 3020];
    const initialize: BuiltFunction = {
      params: [],
      results: [],
      code: words.flatMap((address) => [...op.i32(address), ...op.i32(1), ...op.store()]),
    };
    const after = (one: BuiltFunction): BuiltFunction => ({ ...one, code: [...op.call(2), ...one.code] });
    const functions = [
      toyMalloc({}),
      toyFree({}),
      initialize,
      after(wrapper(2, 4, "__wbindgen_export")),
      wordFunction(2, [...op.get(0), ...op.call(0)]),
      after(handing(3, 6, { exportAs: "__wbindgen_export2" })),
      handing(3, 1),
    ];
    expect(foundIn(functions)).toEqual([
      ["malloc", 0, "wrapper"],
      ["free", 1, "wrapper"],
    ]);
  });

  it("is no import that has such a name", () => {
    const imported = { module: "env", name: "log", params: [I32, I32], results: [I32] };
    const functions = [
      toyMalloc({}),
      toyFree({}),
      wrapper(2, 1, "__wbindgen_export"),
      handing(3, 2, { exportAs: "__wbindgen_export2" }),
    ];
    const exports = [{ name: "__wbindgen_export_4", index: 0 }];
    const adopted = adopt(buildModule({ imports: [imported], functions, exports }));
    expect(adopted.found.map(({ role, functionIndex }) => [role, functionIndex])).toEqual([
      ["malloc", 1],
      ["free", 2],
    ]);
  });
});

describe("modules with many functions below wrappers, or many names", () => {
  const LEVEL = 120;

  it("take each function of a level once", () => {
    const callsOf = (first: number) => Array.from({ length: LEVEL }, (_, index) => op.call(first + index, 2)).flat();
    const level = (code: readonly number[]) =>
      Array.from({ length: LEVEL }, (): BuiltFunction => ({ params: [], results: [], code }));
    const functions = [
      wordFunction(1, [...callsOf(2), ...op.i32(4096)], { exportAs: "__wbindgen_malloc" }),
      { ...handing(2, 1), code: [], exportAs: "__wbindgen_free" },
      ...[2, 3].flatMap((next) => level(callsOf(2 + (next - 1) * LEVEL))),
      ...level([]),
    ];
    const asked = vi.spyOn(CodeFacts.prototype, "calleesOf");
    expect(() => adopt(buildModule({ functions }))).toThrow(expect.objectContaining({ code: "CANNOT_ADOPT" }));
    expect(asked.mock.calls.length).toBeLessThan((functions.length * LEVEL) / 8);
    asked.mockRestore();
  });

  it("may name more variables than a call has arguments", () => {
    const many = Array.from({ length: 200_000 }, (_, index) => [...op.i32(2000 + 4 * index), ...op.load(), ...op.drop]);
    const malloc = toyMalloc();
    const functions = [{ ...malloc, code: [...many.flat(), ...malloc.code] }, toyFree()];
    expect(adopt(buildModule({ functions, memory: { pages: 16 } })).found).toHaveLength(2);
  });

  it("are read once per name", () => {
    // Where a list is copied for each of them, this takes longer than any test may.
    const name = "__wbindgen_malloc";
    const named = Array.from({ length: 60_000 }, () => wordFunction(1, op.i32(0), { name }));
    expect(() => adopt(buildModule({ functions: named }))).toThrow(expect.objectContaining({ code: "CANNOT_ADOPT" }));
  });
});
