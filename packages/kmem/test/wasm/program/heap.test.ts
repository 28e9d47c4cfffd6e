import { describe, expect, it } from "vitest";
import { checkHeap, Heap } from "../../../src/index.ts";
import { type AdoptedModule, adopt, cMalloc, Memcheck, programHeapOptions } from "../../../src/wasm/index.ts";
import { buildModule, I64, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const PAGE_BYTES = 65_536;
const BREAK_ADDRESS = 3000;
const MAXIMUM_BYTES = 8 * 1024 * 1024;

/** A module with sbrk, whose variable is at first 70,000, and which can be called from outside. */
function withBreak(): AdoptedModule {
  const size = [0x3f, 0, ...op.drop];
  const sbrk = wordFunction(1, [...size, ...op.i32(BREAK_ADDRESS), ...op.load()], { exportAs: "sbrk" });
  const malloc = toyMalloc();
  const data = [{ address: BREAK_ADDRESS, bytes: [0x70, 0x11, 1, 0] }];
  const functions = [{ ...malloc, code: [...malloc.code, ...op.call(2)] }, toyFree(), sbrk];
  return adopt(buildModule({ functions, data }));
}

const breakIn = (memory: WebAssembly.Memory): number => new DataView(memory.buffer).getUint32(BREAK_ADDRESS, true);

describe("the memory of a program's heap", () => {
  it("begins where the program's ends, and sbrk gives what lies after it", () => {
    const adopted = withBreak();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), {
      kmem: { malloc: () => 0, free: () => undefined },
    });
    const memory = exports["memory"] as WebAssembly.Memory;
    const options = programHeapOptions(adopted, { exports, maximumBytes: MAXIMUM_BYTES });
    expect(options.start).toBe(73_728);
    expect(breakIn(memory)).toBe(memory.buffer.byteLength);
    const heap = Heap.create({ ...options, slotCount: 1 });
    const before = memory.buffer.byteLength;
    while (memory.buffer.byteLength === before) heap.alloc(30_000);
    expect((exports["sbrk"] as (bytes: number) => number)(0)).toBe(memory.buffer.byteLength);
    expect(checkHeap(heap).isClean).toBe(true);
  });

  it("grows by the program's own glue where there is one", () => {
    const [toyOne, toyTwo] = [toyMalloc(), toyFree()];
    const env = { module: "env", name: "emscripten_resize_heap", params: [0x7f], results: [0x7f] };
    const functions = [{ ...toyOne, code: [...toyOne.code, ...op.call(0)] }, toyTwo];
    const adopted = adopt(buildModule({ imports: [env], functions }));
    expect(adopted.resizeImport).toEqual({ module: "env", name: "emscripten_resize_heap" });
    const memory = new WebAssembly.Memory({ initial: 2 });
    const asked: number[] = [];
    const resize = (bytes: number): number => {
      asked.push(bytes);
      memory.grow((bytes - memory.buffer.byteLength) / PAGE_BYTES);
      return 1;
    };
    const imports = { env: { emscripten_resize_heap: resize } };
    const options = programHeapOptions(adopted, { imports, exports: { memory }, maximumBytes: MAXIMUM_BYTES });
    expect(asked).toEqual([memory.buffer.byteLength]);
    expect(options.grow?.(3)).toBe(true);
    expect(asked[1]).toBe(memory.buffer.byteLength);
  });

  it("tells the program's glue that it has grown, where the program would", () => {
    const notify = { module: "env", name: "emscripten_notify_memory_growth", params: [0x7f], results: [] };
    const adopted = adopt(buildModule({ imports: [notify], functions: [toyMalloc(), toyFree()] }));
    expect(adopted.growthImport).toEqual({ module: "env", name: notify.name });
    const memory = new WebAssembly.Memory({ initial: 2 });
    let view = new Uint8Array(memory.buffer);
    const told: number[] = [];
    const renew = (index: number): void => {
      told.push(index);
      view = new Uint8Array(memory.buffer);
    };
    const imports = { env: { emscripten_notify_memory_growth: renew } };
    const options = programHeapOptions(adopted, { imports, exports: { memory }, maximumBytes: MAXIMUM_BYTES });
    expect([told, view.length]).toEqual([[0], memory.buffer.byteLength]);
    const block = Heap.create({ ...options, slotCount: 1 }).alloc(3_000_000);
    expect(block).toBeLessThan(view.length);
    expect(view.length).toBe(memory.buffer.byteLength);
    const other = { ...notify, params: [] };
    expect(adopt(buildModule({ imports: [other], functions: [toyMalloc(), toyFree()] })).growthImport).toBe(undefined);
  });

  it("has grown whatever the glue does when it is told", () => {
    const notify = { module: "env", name: "emscripten_notify_memory_growth", params: [0x7f], results: [] };
    const adopted = adopt(buildModule({ imports: [notify], functions: [toyMalloc(), toyFree()] }));
    const memory = new WebAssembly.Memory({ initial: 2 });
    const fail = (): never => {
      throw new TypeError("the program has ended");
    };
    const imports = { env: { emscripten_notify_memory_growth: fail } };
    const options = programHeapOptions(adopted, { imports, exports: { memory }, maximumBytes: MAXIMUM_BYTES });
    const heap = Heap.create({ ...options, slotCount: 1 });
    expect(heap.alloc(3_000_000)).toBeGreaterThan(0);
    expect(checkHeap(heap).isClean).toBe(true);
  });

  it.each([undefined, "memcheck"] as const)("grows where its addresses have 64 bits (check: %s)", (check) => {
    const words = { params: [I64], results: [I64] };
    const bytes = buildModule({
      imports: [
        { module: "env", name: "malloc", ...words },
        { module: "env", name: "free", params: [I64], results: [] },
      ],
      functions: [{ ...words, code: [...op.get(0), ...op.call(0)], exportAs: "make" }],
      memory: { pages: 2, is64: true },
    });
    const adopted = adopt(bytes, check === undefined ? {} : { check });
    let exports: WebAssembly.Exports = {};
    const where = () => programHeapOptions(adopted, { exports, maximumBytes: MAXIMUM_BYTES });
    const open = (): Heap => Heap.create({ ...where(), slotCount: 1 });
    const calls =
      check === undefined
        ? cMalloc(open, { address: "i64" })
        : new Memcheck(adopted, where, { report: () => {} }).imports;
    const kmem = { ...calls } as WebAssembly.ModuleImports;
    exports = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { env: kmem, kmem }).exports;
    const make = exports["make"] as (bytes: bigint) => bigint;
    expect(make(40n)).toBeGreaterThan(0n);
    expect(make(2n ** 21n)).toBeGreaterThan(0n);
  });

  it("is refused where there is none, or none to be had", () => {
    const adopted = withBreak();
    expect(() => programHeapOptions(adopted, {})).toThrow(expect.objectContaining({ code: "BAD_ARGUMENT" }));
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 3 });
    expect(() => programHeapOptions(adopted, { exports: { memory } })).toThrow(
      expect.objectContaining({ code: "OUT_OF_MEMORY" }),
    );
    expect(() => programHeapOptions({ ...adopted }, { exports: { memory } })).toThrow("what adopt has returned");
  });
});
