import { describe, expect, it } from "vitest";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { adopt, exposeStack } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { buildModule, op } from "../support/module-builder.ts";
import { framedFunction, toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

describe("where a heap may begin", () => {
  const functions = [toyMalloc(), toyFree()];
  const base = (built: object, options = {}) => {
    const { heapBase, heapBaseFrom } = adopt(buildModule({ functions, ...built }), options);
    return [heapBase, heapBaseFrom];
  };

  it("says the option, the module, its stack, or the end of its memory", () => {
    const data = [{ address: 1024, bytes: [1, 2, 3] }];
    const stack = { value: 70_000, isMutable: true };
    expect(base({})).toEqual([131_072, "initial memory"]);
    const framed = { functions: [...functions, framedFunction()] };
    expect(base({ ...framed, data, globals: [stack] })).toEqual([70_000, "stack"]);
    expect(base({ data, globals: [stack] })).toEqual([131_072, "initial memory"]);
    expect(base({ ...framed, data, globals: [{ value: 900, isMutable: true }] })).toEqual([131_072, "initial memory"]);
    expect(base({ globals: [stack, { value: 80_000, isMutable: false, exportAs: "__heap_base" }] })).toEqual([
      80_000,
      "__heap_base",
    ]);
    expect(base({}, { heapBase: 90_000 })).toEqual([90_000, "option"]);
    expect(base({ data }, { heapBase: 1027 })).toEqual([1027, "option"]);
    expect(thrownBy(() => base({ data }, { heapBase: 1026 })).code).toBe("BAD_ARGUMENT");
    // What a module itself says is no fault of the caller's.
    expect(() => base({ data, globals: [{ value: 500, isMutable: false, exportAs: "__heap_base" }] })).not.toThrow();
  });

  const global = (index: number): number[] => [0x23, index];
  const placed = (offset: readonly number[]) => [
    { address: 1024, bytes: [1, 2, 3] },
    { address: 0, bytes: [7, 7], offset },
  ];

  it.each([
    ["a sum", [...op.i32(50_000), ...op.i32(10_000), ...op.add], 60_002],
    ["a difference", [...op.i32(50_000), ...op.i32(10_000), ...op.sub], 40_002],
    ["a product", [...op.i32(300), ...op.i32(200), ...op.mul], 60_002],
    ["a global that cannot change, and more", [...global(1), ...op.i32(8), ...op.add], 30_010],
  ])("is after data whose place is %s", (_what, offset, end) => {
    const globals = [
      { value: 20_000, isMutable: true },
      { value: 30_000, isMutable: false },
    ];
    const framed = [...functions, framedFunction()];
    const module = new WasmModule(buildModule({ functions: framed, globals, data: placed(offset) }));
    expect([module.dataStart, module.dataEnd, module.hasUnknownData]).toEqual([1024, end, false]);
    expect(module.wordAt(end - 2)).toBe(0x0707);
    expect(base({ functions: framed, globals, data: placed(offset) })).toEqual([131_072, "initial memory"]);
  });

  it("is the end of its memory where an import says where its data lies, or what the caller says", () => {
    const built = {
      functions: [...functions, framedFunction(1)],
      data: placed(global(0)),
      importedGlobals: ["place"],
      globals: [{ value: 20_000, isMutable: true }],
    };
    expect(base(built)).toEqual([131_072, "initial memory"]);
    const imported = { ...built, memory: { pages: 2, isImported: true } };
    expect(thrownBy(() => base(imported)).details).toEqual({ reason: "data-unknown" });
    expect(base(imported, { heapBase: 200_000 })).toEqual([200_000, "option"]);
    expect(exposeStack(buildModule(built))).toMatchObject({ top: 20_000, low: 20_000 });
  });

  it("says sbrk's variable, and who still uses it", () => {
    const sbrk = wordFunction(1, [...op.i32(3000), ...op.load(), 0x3f, 0, ...op.add], {
      name: "sbrk",
      exportAs: "sbrk",
    });
    const malloc = toyMalloc();
    const adopted = adopt(
      buildModule({
        functions: [{ ...malloc, code: [...malloc.code, ...op.call(2)] }, toyFree(), sbrk],
        data: [{ address: 3000, bytes: [0x70, 0x11, 1, 0] }],
      }),
    );
    expect(adopted.programBreak).toEqual({ address: 3000, initial: 70_000, users: [2] });
    expect([adopted.heapBase, adopted.heapBaseFrom]).toEqual([70_000, "sbrk"]);
  });
});
