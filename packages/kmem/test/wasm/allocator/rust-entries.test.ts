import { describe, expect, it } from "vitest";
import { adopt } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { type BuiltFunction, buildModule, op } from "../support/module-builder.ts";
import { instantiated, TOY_STATE, toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const LEAST_ALIGNMENT = 4;
const touchesState = [...op.i32(TOY_STATE[1]!), ...op.load(), ...op.drop];
const parameters = (count: number): number[] => Array.from({ length: count }, (_, index) => op.get(index)).flat();
const withoutResult = (one: BuiltFunction): BuiltFunction => ({ ...one, results: [] });

/** Functions as a program in Rust has them that was made by an optimizer for size; without wrappers of wasm-bindgen. */
const allocator: readonly BuiltFunction[] = [
  toyMalloc({}),
  toyFree({}),
  // 2: alloc, which has memalign in it, and 3: what forwards to it.
  wordFunction(2, [...touchesState, ...op.get(0), ...op.call(0)]),
  wordFunction(2, [...parameters(2), ...op.call(2)]),
  // 4: realloc, which works with the chunk in place, and 5: what forwards to it.
  wordFunction(4, [...touchesState, ...op.get(3), ...op.call(0)]),
  wordFunction(4, [...parameters(4), ...op.call(4)]),
  // 6: dealloc.
  withoutResult(wordFunction(3, [...touchesState, ...op.get(0), ...op.call(1)])),
];

/** The wrappers, of before they had an alignment. */
const wrappers: readonly BuiltFunction[] = [
  wordFunction(1, [...op.get(0), ...op.i32(LEAST_ALIGNMENT), ...op.call(3)], { exportAs: "__wbindgen_malloc" }),
  wordFunction(3, [...parameters(2), ...op.i32(LEAST_ALIGNMENT), ...op.get(2), ...op.call(5)], {
    exportAs: "__wbindgen_realloc",
  }),
  withoutResult(
    wordFunction(2, [...parameters(2), ...op.i32(LEAST_ALIGNMENT), ...op.call(6)], { exportAs: "__wbindgen_free" }),
  ),
];

const rolesIn = (functions: readonly BuiltFunction[]) =>
  adopt(buildModule({ functions })).found.map(({ role, functionIndex }) => [role, functionIndex]);
const leftIn = (functions: readonly BuiltFunction[]) =>
  thrownBy(() => adopt(buildModule({ functions }))).details?.["left"] as { functionIndex: number; uses: string }[];

describe("Rust's functions below wasm-bindgen's wrappers", () => {
  it("are replaced, and all that is below them", () => {
    const functions = [...allocator, ...wrappers];
    expect(rolesIn(functions)).toEqual([
      ["malloc", 0],
      ["free", 1],
      ["rust_alloc", 3],
      ["rust_alloc", 2],
      ["rust_realloc", 5],
      ["rust_realloc", 4],
      ["rust_dealloc", 6],
    ]);
    const { exported, calls } = instantiated(adopt(buildModule({ functions })));
    const block = exported["__wbindgen_malloc"]!(24) as number;
    exported["__wbindgen_free"]!(exported["__wbindgen_realloc"]!(block, 24, 40), 40);
    expect(calls).toEqual(["aligned_alloc(4, 24)", `realloc(${block}, 40)`, "free(32800)"]);
  });

  it("are replaced below wrappers with an alignment, which begin with what initializes", () => {
    const initialize: BuiltFunction = { params: [], results: [], code: [] };
    const tested = [...op.get(1), ...op.i32(1), ...op.get(1), 0x1b];
    const newer = [
      wordFunction(2, [...op.call(7), ...op.get(0), ...tested, ...op.call(3)], { exportAs: "__wbindgen_export" }),
      withoutResult(
        wordFunction(3, [...op.call(7), ...parameters(3), ...op.call(6)], { exportAs: "__wbindgen_export2" }),
      ),
      wordFunction(4, [...op.call(7), ...parameters(2), ...op.get(3), ...op.get(2), ...op.call(5)], {
        exportAs: "__wbindgen_export3",
      }),
    ];
    expect(rolesIn([...allocator, initialize, ...newer])).toContainEqual(["rust_alloc", 2]);
  });

  it("are none where the wrapper hands on something else than the size first", () => {
    const [, ...others] = wrappers;
    const memalign = wordFunction(1, [...op.i32(LEAST_ALIGNMENT), ...op.get(0), ...op.call(3)], {
      exportAs: "__wbindgen_malloc",
    });
    expect(leftIn([...allocator, memalign, ...others])).toMatchObject([{ functionIndex: 2, uses: "state" }]);
  });

  const chunkOf = wordFunction(1, [...op.get(0), ...op.i32(-8), ...op.add]);
  const flagsOf = wordFunction(1, [...op.get(0), ...op.load8(4), ...op.i32(3), ...op.and]);
  const [malloc, free, ...rest] = allocator as [BuiltFunction, BuiltFunction, ...BuiltFunction[]];
  // A free that looks at the chunk by two functions: 10 and 11.
  const looking = { ...free, code: [...free.code, ...op.get(0), ...op.call(10), ...op.call(11), ...op.drop] };
  const split = [malloc, looking, ...rest, ...wrappers, chunkOf, flagsOf];
  const look = [...op.tee(2), ...op.call(10), ...op.call(11), ...op.drop];
  const fillWith = (byte: number): number[] => [...op.get(2), ...op.i32(byte), ...op.get(0), 0xfc, 11, 0, ...op.get(2)];
  const allocating = (after: readonly number[]): BuiltFunction =>
    wordFunction(2, [...parameters(2), ...op.call(2), ...look, ...after], { exportAs: "make", locals: 1 });

  it("are also what allocates, and looks at the chunk by functions that free has", () => {
    const zeroed = allocating(fillWith(0));
    const functions = [...split, zeroed];
    expect(rolesIn(functions)).toContainEqual(["rust_alloc_zeroed", 12]);
    const { exported, memory, calls } = instantiated(adopt(buildModule({ functions, memory: { pages: 2 } })));
    new Uint8Array(memory.buffer).fill(7, 0x8000, 0x9000);
    const block = exported["make"]!(32, 8) as number;
    expect(calls).toEqual(["aligned_alloc(8, 32)"]);
    expect(new Uint8Array(memory.buffer, block, 33)).toEqual(Uint8Array.of(...Array.from({ length: 32 }, () => 0), 7));
  });

  it("are that too where nothing else would be left", () => {
    const quiet = split.map((one, index) => {
      return index >= 2 && index <= 6 ? { ...one, code: one.code.slice(touchesState.length) } : one;
    });
    const zeroed = allocating(fillWith(0));
    const forwards = { 3: allocator[3]!, 5: allocator[5]! };
    expect(rolesIn([...Object.assign(quiet, forwards), zeroed])).toContainEqual(["rust_alloc_zeroed", 12]);
  });

  it("are not replaced where something else looks at a chunk so: that is left", () => {
    const reader = wordFunction(1, [...op.get(0), ...op.i32(8), ...op.call(2), ...op.tee(0), ...op.call(10)], {
      exportAs: "make",
    });
    expect(leftIn([...split, reader])).toEqual([{ functionIndex: 12, name: "make", uses: "header", callers: [] }]);
  });

  it.each([
    ["another byte", fillWith(7)],
    ["nothing", op.get(2)],
    ["a word besides", [...op.get(2), ...op.i32(1), ...op.store(), ...fillWith(0)]],
  ])("are no functions that clear with %s: such are left", (_, after) => {
    expect(leftIn([...split, allocating(after)])).toMatchObject([{ functionIndex: 12, uses: "header" }]);
  });

  it("are not replaced where the callee counts, outside of the allocator's variables or in a global", () => {
    const counting = [...op.i32(4000), ...op.get(0), ...op.store()];
    for (const besides of [counting, [...op.get(0), 0x24, 0]]) {
      const functions = [...allocator, ...wrappers];
      functions[2] = { ...functions[2]!, code: [...besides, ...functions[2]!.code] };
      const module = buildModule({ functions, globals: [{ value: 0, isMutable: true }] });
      const { details } = thrownBy(() => adopt(module));
      expect(details?.["left"]).toMatchObject([{ functionIndex: 2, uses: "state" }]);
    }
  });

  it("are not replaced where what is handed for the alignment is none, by the wrapper or by another", () => {
    const withLast = (value: number, exportAs: string): BuiltFunction =>
      wordFunction(1, [...op.get(0), ...op.i32(value), ...op.call(3)], { exportAs });
    const left = [{ functionIndex: 2, uses: "state" }];
    expect(leftIn([...allocator, withLast(0, "__wbindgen_malloc"), ...wrappers.slice(1)])).toMatchObject(left);
    expect(leftIn([...allocator, ...wrappers, withLast(0, "zeros")])).toMatchObject(left);
  });

  it("are replaced where the wrapper computes the alignment, and the callee compares it", () => {
    const computed = [...op.get(0), ...op.i32(1000), ...op.lessOrEqual, ...op.i32(2), 0x74];
    const older = wordFunction(1, [...op.get(0), ...computed, ...op.call(3)], { exportAs: "__wbindgen_malloc" });
    const functions = [...allocator, older, ...wrappers.slice(1)];
    expect(leftIn(functions)).toMatchObject([{ functionIndex: 2, uses: "state" }]);
    const compares = [...op.get(1), ...op.i32(9), 0x49, ...op.drop];
    functions[2] = { ...functions[2]!, code: [...compares, ...functions[2]!.code] };
    expect(rolesIn(functions)).toContainEqual(["rust_alloc", 2]);
  });

  it("share with the program what rounds sizes", () => {
    const roundsUp = wordFunction(1, [...op.get(0), ...op.i32(15), ...op.add, ...op.i32(-16), ...op.and]);
    const rounding = { ...malloc, code: [...op.get(0), ...op.call(10), ...op.drop, ...malloc.code] };
    const grid = wordFunction(1, [...op.get(0), ...op.call(10)], { exportAs: "grid" });
    expect(rolesIn([rounding, free, ...rest, ...wrappers, roundsUp, grid])).toContainEqual(["rust_alloc", 2]);
  });
});
