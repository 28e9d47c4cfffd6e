import { describe, expect, it } from "vitest";
import { Heap } from "../../../src/index.ts";
import { type AdoptOptions, adopt, cMalloc, programHeapOptions } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { type BuiltModule, buildModule, I32, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const PAGE_BYTES = 65_536;
const SIZE_OF_MEMORY = [0x3f, 0, ...op.drop];
const GROW_MEMORY = [...op.i32(0), 0x40, 0, ...op.drop];

/** An import of "a", as Emscripten names them where it shortens names. */
function shortImport(name: string, parameterCount = 1) {
  return { module: "a", name, params: Array.from({ length: parameterCount }, () => I32), results: [I32] };
}

/** A module whose malloc calls a function with this code, after two imports of one size: "w" and "x". */
function program(below: readonly number[], others: Partial<BuiltModule> = {}): Uint8Array<ArrayBuffer> {
  const imports = others.imports ?? [shortImport("w"), shortImport("x")];
  const malloc = toyMalloc();
  const sbrk = wordFunction(1, below);
  const called = [...op.get(0), ...op.call(imports.length), ...op.drop];
  const functions = [sbrk, { ...malloc, code: [...called, ...malloc.code] }, toyFree()];
  return buildModule({ memory: { pages: 2, maximum: 300 }, ...others, imports, functions });
}

const asks = (index: number): number[] => [...op.get(0), ...op.call(index)];
const resizeOf = (bytes: Uint8Array, options: AdoptOptions = {}) => adopt(bytes, options).resizeImport;
const refusalOf = (bytes: Uint8Array, options: AdoptOptions = {}) => thrownBy(() => adopt(bytes, options));

describe("the import that a program's memory grows by", () => {
  it("is the one that sbrk calls, where its variable has no value in the module", () => {
    expect(resizeOf(program([...SIZE_OF_MEMORY, ...asks(1)]))).toEqual({ module: "a", name: "x" });
    // Others may be called by what does not look at the size of the memory.
    const log = [...asks(0), ...op.drop];
    const malloc = toyMalloc();
    const sbrk = wordFunction(1, [...SIZE_OF_MEMORY, ...asks(1)]);
    const code = [...log, ...asks(2), ...op.drop, ...malloc.code];
    const imports = [shortImport("w"), shortImport("x")];
    const module = buildModule({ imports, functions: [sbrk, { ...malloc, code }, toyFree()] });
    expect(resizeOf(module)).toEqual({ module: "a", name: "x" });
  });

  it("is the only one with a size where none looks at the memory's", () => {
    expect(resizeOf(program(asks(1)))).toEqual({ module: "a", name: "x" });
  });

  it.each(["log", "sbrk"])("is none that has a name of its own: %s", (name) => {
    const named = { module: "env", name, params: [I32], results: [I32] };
    expect(resizeOf(program(asks(0), { imports: [named] }))).toBe(undefined);
  });

  it("is none where those below malloc have names that say nothing of memory, and no size", () => {
    const lock = { module: "env", name: "lock", params: [], results: [I32] };
    expect(resizeOf(program(op.call(0), { imports: [lock] }))).toBe(undefined);
    const both = ["lock", "unlock"].map((name) => ({ ...lock, name, params: [I32] }));
    expect(resizeOf(program([...asks(0), ...op.drop, ...asks(1)], { imports: both }))).toBe(undefined);
  });

  it.each([
    'var asmLibraryArg={"w":_abort,"x":_emscripten_resize_heap,"E":_environ_get}',
    "var wasmImports={w:___lock,x:_emscripten_resize_heap}",
    "var wasmImports = {\n  /** @export */\n  w: _abort,\n  /** @export */\n  x: _emscripten_resize_heap\n}",
    'env={"y":_emscripten_resize_heap},{"x":_emscripten_resize_heap}',
  ])("is what the glue calls so: %s", (glue) => {
    const both = program([...SIZE_OF_MEMORY, ...asks(0), ...op.drop, ...asks(1)]);
    expect(resizeOf(both, { glue })).toEqual({ module: "a", name: "x" });
    const another = program([...SIZE_OF_MEMORY, ...asks(1)]);
    expect(resizeOf(another, { glue: 'of={"w":_emscripten_resize_heap}' })).toEqual({ module: "a", name: "x" });
    // It may be called where a look at the code does not come to.
    expect(resizeOf(program(op.i32(0)), { glue })).toEqual({ module: "a", name: "x" });
  });

  it("is none where the program grows its memory by itself, or nothing does", () => {
    expect(resizeOf(program([...GROW_MEMORY, ...asks(1)]))).toBe(undefined);
    expect(resizeOf(program(op.i32(0)))).toBe(undefined);
    const malloc = { module: "env", name: "malloc", params: [I32], results: [I32] };
    const free = { module: "env", name: "free", params: [I32], results: [] };
    expect(resizeOf(buildModule({ imports: [malloc, free], functions: [wordFunction(1, asks(0))] }))).toBe(undefined);
  });

  it("is what the caller says", () => {
    const both = program([...SIZE_OF_MEMORY, ...asks(0), ...op.drop, ...asks(1)]);
    expect(resizeOf(both, { resizeImport: { module: "a", name: "w" } })).toEqual({ module: "a", name: "w" });
    expect(resizeOf(both, { resizeImport: false })).toBe(undefined);
    expect(refusalOf(both, { resizeImport: { module: "b", name: "w" } }).details).toMatchObject({
      reason: "function-missing",
    });
    const other = program(op.i32(0), { imports: [shortImport("w", 2)] });
    expect(refusalOf(other, { resizeImport: { module: "a", name: "w" } }).details).toMatchObject({
      reason: "wrong-type",
    });
    for (const wrong of ["w", true, null, { module: "a" }, { module: "a", name: 3 }]) {
      expect(refusalOf(both, { resizeImport: wrong as never }).code).toBe("BAD_ARGUMENT");
    }
  });

  it("is not to be told where two may be it, or one has no argument: that is refused", () => {
    const both = [...SIZE_OF_MEMORY, ...asks(0), ...op.drop, ...asks(1)];
    const error = refusalOf(program(both));
    expect(error.details).toEqual({
      reason: "growth-unknown",
      imports: [
        { module: "a", name: "w" },
        { module: "a", name: "x" },
      ],
    });
    expect(error.message).toContain("(a.w, a.x)");
    // One without an argument cannot be named.
    const enlarge = { module: "env", name: "enlargeMemory", params: [], results: [I32] };
    const old = refusalOf(program(op.call(0), { imports: [enlarge] }));
    expect(old.details).toEqual({ reason: "growth-unknown", imports: [] });
    expect(old.message).toContain("by an import that takes no size");
    expect(refusalOf(program(op.call(0), { imports: [shortImport("w", 0)] })).details).toMatchObject({
      reason: "growth-unknown",
    });
    // Memory that cannot grow, and such as is shared, whose views stay good.
    expect(resizeOf(program(both, { memory: { pages: 2, maximum: 2 } }))).toBe(undefined);
    const shared = { pages: 2, maximum: 300, isShared: true, isImported: true };
    expect(resizeOf(program(both, { memory: shared }))).toBe(undefined);
  });

  it("keeps the views of the program's JavaScript", () => {
    const adopted = adopt(
      program([...SIZE_OF_MEMORY, ...asks(1)], { memory: { pages: 2, maximum: 300, isImported: true } }),
    );
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 300 });
    let view = new Uint8Array(memory.buffer);
    const x = (bytes: number): number => {
      memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES));
      view = new Uint8Array(memory.buffer);
      return 1;
    };
    const imports = { env: { memory }, a: { w: () => 0, x } };
    let exports: WebAssembly.Exports = {};
    const open = () => Heap.create({ ...programHeapOptions(adopted, { imports, exports }), slotCount: 1 });
    const kmem = { ...cMalloc(open) };
    exports = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { ...imports, kmem }).exports;
    const block = (exports["malloc"] as (bytes: number) => number)(3_000_000);
    view[block] = 7;
    expect(new Uint8Array(memory.buffer)[block]).toBe(7);
  });
});
