import { describe, expect, it } from "vitest";
import { buildModule, I32, leb, op } from "../support/module-builder.ts";
import { checkedModule } from "./checked-module.ts";

const imports = [
  { module: "env", name: "malloc", params: [I32], results: [I32] },
  { module: "env", name: "free", params: [I32], results: [] },
];
const memoryInit = (segment: number): number[] => [0xfc, 8, ...leb(segment), 0];
const memoryCopy = [0xfc, 10, 0, 0];
const memoryFill = [0xfc, 11, 0];

/** The function `go` of a module that is checked, over the address of a block. */
function started(blockBytes: number, code: readonly number[], findUndefined = false) {
  const functions = [
    { params: [I32], results: [], code, exportAs: "go" },
    { params: [I32], results: [I32], code: [...op.get(0), ...op.call(0)], exportAs: "make" },
    { params: [I32], results: [I32], code: [...op.get(0), ...op.load()], exportAs: "load" },
  ];
  const data = [{ bytes: new Array<number>(8).fill(1) }, { bytes: new Array<number>(16).fill(2) }];
  const module = checkedModule(buildModule({ imports, functions, data }), { findUndefined, heapBase: 65_536 });
  const make = (sizeBytes: number): number => Number(module.exports["make"]!(sizeBytes));
  const block = make(blockBytes);
  return { ...module, block, make, go: () => module.exports["go"]!(block) };
}

describe("memory.init of a module that is checked", () => {
  it.each([0, 1])("is told where it leaves its block, of data segment %i too", (segment) => {
    const init = [...op.get(0), ...op.i32(0), ...op.i32(8), ...memoryInit(segment)];
    const { go, told, block } = started(4, init);
    go();
    expect(told.map(({ kind, address }) => [kind, address])).toEqual([["invalid-write", block + 4]]);
  });

  it("writes what it copies, of data segment 1 too", () => {
    const make = [...op.i32(16), ...op.call(0), ...op.set(0)];
    const init = [...op.get(0), ...op.i32(0), ...op.i32(16), ...memoryInit(1)];
    const { go, told } = started(4, [...make, ...init, ...op.get(0), ...op.load(8), ...op.drop], true);
    go();
    expect(told).toEqual([]);
  });
});

describe("a range that ends outside of the memory", () => {
  it.each([
    ["copy", memoryCopy],
    ["fill", memoryFill],
  ])("is told where it leaves its block, and has written nothing: memory.%s", (_, instruction) => {
    const { exports, told, make } = started(4, [...op.get(0), ...op.i32(0), ...op.i32(-1), ...instruction], true);
    const block = make(16);
    expect(() => exports["go"]!(block)).toThrow(WebAssembly.RuntimeError);
    exports["load"]!(block);
    const kinds = told.map(({ kind }) => kind);
    expect(kinds.slice(-2)).toEqual(["invalid-write", "undefined-read"]);
  });
});
