import { describe, expect, it } from "vitest";
import { checkHeap, Heap, heapStats } from "../../../src/index.ts";
import { type AdoptOptions, adopt, cMalloc, programHeapOptions } from "../../../src/wasm/index.ts";
import { thrownBy } from "../../support/expectations.ts";
import { checkedModule } from "../memcheck/checked-module.ts";
import { compileScript } from "../support/assemblyscript.ts";
import { type BuiltFunction, type BuiltModule, buildModule, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const KEPT = 1024;
const nothing = { params: [], results: [] };
/** Keeps a block of 40 bytes in the program's data. */
const allocating: BuiltFunction = { ...nothing, code: [...op.i32(KEPT), ...op.i32(40), ...op.call(0), ...op.store()] };
const indirectly: BuiltFunction = {
  ...nothing,
  code: [...op.i32(8), ...op.i32(0), 0x11, 0, 0, ...op.drop],
};
const quiet: BuiltFunction = { ...nothing, code: [...op.i32(KEPT), ...op.i32(5), ...op.store()] };
const kept = wordFunction(0, [...op.i32(KEPT), ...op.load()], { exportAs: "kept" });

function withStart(start: BuiltFunction, others: Partial<BuiltModule> = {}): Uint8Array<ArrayBuffer> {
  const globals = [{ value: 4096, isMutable: false, exportAs: "__heap_base" }];
  return buildModule({ functions: [toyMalloc(), toyFree(), start, kept], globals, start: 2, ...others });
}

function run(bytes: Uint8Array, options: AdoptOptions, imports: WebAssembly.Imports = {}) {
  const adopted = adopt(bytes, options);
  let exports: WebAssembly.Exports = {};
  let heap: Heap | undefined;
  const kmem = cMalloc(() => {
    heap = Heap.create({ ...programHeapOptions(adopted, { imports, exports }), slotCount: 1 });
    return heap;
  });
  const module = new WebAssembly.Module(adopted.bytes);
  exports = new WebAssembly.Instance(module, { ...imports, kmem: { ...kmem } }).exports;
  const call = (name: string): number => Number((exports[name] as CallableFunction)());
  return { adopted, call, heap: () => heap };
}

describe("a start function that allocates", () => {
  it.each([
    ["itself", withStart(allocating)],
    ["through the table", withStart(indirectly, { elements: [0] })],
  ])("%s is refused where the memory is an export, which nobody has yet", (_how, bytes) => {
    const error = thrownBy(() => adopt(bytes));
    expect([error.code, error.details["reason"]]).toEqual(["CANNOT_ADOPT", "start-allocates"]);
    expect(error.message).toContain("deferStart");
  });

  it.each<[string, AdoptOptions]>([
    ["", {}],
    [", and its calls are noted", { stacks: true }],
    [", and nothing is merged into it", { merge: false }],
  ])("is called by whoever makes the instance, where it is deferred%s", (_what, options) => {
    const { adopted, call, heap } = run(withStart(allocating), { ...options, deferStart: true });
    expect([call("kept"), heap()]).toEqual([0, undefined]);
    call(adopted.deferredStart!);
    expect(call("kept")).toBeGreaterThan(4096);
    expect(heapStats(heap()!).liveBlocks).toBe(1);
    expect(checkHeap(heap()!).isClean).toBe(true);
  });

  it("is deferred in a module that is checked, too", () => {
    const { check, exports } = checkedModule(withStart(allocating), { deferStart: true });
    exports["kmem:start"]!();
    expect(exports["kept"]!()).toBeGreaterThan(4096);
    expect(heapStats(check.heap).liveBlocks).toBe(1);
  });

  it("runs as ever where the memory is imported", () => {
    const memory = new WebAssembly.Memory({ initial: 4 });
    const bytes = withStart(allocating, { memory: { pages: 2, isImported: true } });
    const { adopted, call } = run(bytes, {}, { env: { memory } });
    expect([adopted.deferredStart, call("kept") > 4096]).toEqual([undefined, true]);
  });
});

describe("a start function that does not allocate", () => {
  it("runs as ever, and is deferred where that is asked for", () => {
    const plain = run(withStart(quiet), {});
    expect([plain.adopted.deferredStart, plain.call("kept")]).toEqual([undefined, 5]);
    const deferred = run(withStart(quiet), { deferStart: true });
    expect(deferred.call("kept")).toBe(0);
    deferred.call(deferred.adopted.deferredStart!);
    expect(deferred.call("kept")).toBe(5);
    expect(adopt(buildModule({ functions: [toyMalloc(), toyFree()] }), { deferStart: true }).deferredStart).toBe(
      undefined,
    );
    expect(thrownBy(() => adopt(withStart(quiet), { deferStart: 1 as never })).code).toBe("BAD_ARGUMENT");
  });
});

describe("AssemblyScript whose top level makes objects", () => {
  it("runs on a heap once its start is called", () => {
    const bytes = compileScript(`
      const list: string[] = [];
      for (let i = 0; i < 10; i++) list.push("x".repeat(i + 1));
      export function letters(): i32 { return list.join("").length; }`);
    expect(thrownBy(() => adopt(bytes)).details["reason"]).toBe("start-allocates");
    const { adopted, call, heap } = run(bytes, { deferStart: true }, { env: { abort: () => {} } });
    call(adopted.deferredStart!);
    expect(call("letters")).toBe(55);
    expect(checkHeap(heap()!)).toEqual({ isClean: true, findings: [] });
  });
});
