import { describe, expect, it } from "vitest";
import { adopt, programFrames } from "../../../src/wasm/index.ts";
import { type BuiltFunction, type BuiltModule, buildModule, I32, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";
import { checkedModule } from "./checked-module.ts";

const nothing = { params: [], results: [] };
const CALLBACK = 3;
/** The type of functions without parameters and results, by the order in which the functions here have theirs. */
const NOTHING_TYPE = 2;
const throughTable = (opcode = 0x11): number[] => [...op.i32(0), opcode, NOTHING_TYPE, 0];
/** Functions of a module: what writes behind a block, what calls that, and what calls it through the table. */
const functions: readonly BuiltFunction[] = [
  toyMalloc({ name: "malloc" }),
  toyFree({ name: "free" }),
  { params: [I32], results: [], code: [...op.get(0), ...op.i32(1), ...op.store(8)], name: "bad" },
  { ...nothing, code: [...op.i32(8), ...op.call(0), ...op.call(2)], name: "callback" },
  { ...nothing, code: throughTable(), name: "direct", exportAs: "direct" },
];

function started(built: Partial<BuiltModule> = {}) {
  const bytes = buildModule({ functions, elements: [CALLBACK, CALLBACK], exportTable: "table", ...built });
  const { frameAt } = programFrames(bytes);
  const module = checkedModule(bytes);
  const names = (): string[][] => module.told.map(({ stack }) => stack.map((offset) => frameAt(offset).split(" ")[1]!));
  const table = (module.exports as unknown as WebAssembly.Exports)["table"] as WebAssembly.Table;
  const callback = (): unknown => (table.get(0) as () => unknown)();
  return { ...module, names, callback };
}

describe("what JavaScript calls through a table", () => {
  it("has the same stack each time", () => {
    const { callback, names, check } = started();
    for (let turn = 0; turn < 5; turn++) callback();
    expect(names()).toEqual([["bad", "callback"]]);
    expect(check.counts.repeated).toBe(4);
  });

  it("has its callers too where the program calls it, and none of them afterwards", () => {
    const { exports, callback, names } = started();
    callback();
    for (let turn = 0; turn < 3; turn++) exports["direct"]!();
    for (let turn = 0; turn < 3; turn++) callback();
    expect(names()).toEqual([
      ["bad", "callback"],
      ["bad", "callback", "direct"],
    ]);
  });

  it("works where code takes the place of its caller through the table", () => {
    const tail: BuiltFunction = { ...nothing, code: throughTable(0x13), exportAs: "tail", name: "tail" };
    const { exports, told } = started({ functions: [...functions, tail] });
    exports["tail"]!();
    expect(told).toHaveLength(1);
  });
});

describe("a reference to a function that another stands for", () => {
  const asking = { params: [], results: [0x70], exportAs: "reference" };

  it.each<[string, Partial<BuiltModule>]>([
    ["is exported", { functions: [{ ...asking, code: [0xd2, 4] }, wordFunction(0, op.i32(7), { exportAs: "seven" })] }],
    [
      "is in a table",
      { functions: [{ ...asking, code: [0xd2, 4] }, wordFunction(0, op.i32(7))], elements: [4], exportTable: "table" },
    ],
  ])("is valid where that %s", (_how, { functions: more = [], ...others }) => {
    const all = [toyMalloc(), toyFree(), wordFunction(1, op.get(0)), ...more];
    const { exports } = checkedModule(buildModule({ functions: all, ...others }));
    expect((exports["reference"]!() as () => number)()).toBe(7);
  });

  it("is as it was where nothing stands for it", () => {
    const all = [toyMalloc(), toyFree(), wordFunction(0, op.i32(7))];
    const { bytes } = adopt(buildModule({ functions: all, elements: [2] }), { check: "memcheck" });
    expect(WebAssembly.validate(bytes)).toBe(true);
  });
});
