import { beforeEach, describe, expect, it } from "vitest";
import { DebugHeap } from "../../../src/debug/index.ts";
import { checkHeap, Heap, type HeapOptions, KmemError, LocalHeap } from "../../../src/index.ts";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { coreExport } from "../../../src/wasm/core/layout.ts";
import {
  type AdoptOptions,
  adopt,
  bindProgram,
  type CMalloc,
  cMalloc,
  programFrames,
  programHeapOptions,
} from "../../../src/wasm/index.ts";
import { type CoreCalls, type CoreMemory, compiledCore } from "../support/core-module.ts";
import { programOver } from "../support/core-program.ts";
import { buildModule, I64, op } from "../support/module-builder.ts";
import { toyFree, toyMalloc } from "../support/toy-allocator.ts";

const SHARED: CoreMemory = { pages: 24, maximum: 24, isShared: true };
const GROWING: CoreMemory = { pages: 8, maximum: 64, isShared: false };

function memoryFor({ pages: initial, maximum, isShared: shared }: CoreMemory): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial, maximum, shared });
}

function programIn(shape: CoreMemory, memory: WebAssembly.Memory, face: CMalloc) {
  const program = programOver(compiledCore(shape), memory, face);
  const live = program.exports[coreExport("live_tag")] as WebAssembly.Global;
  return { ...program, isBound: () => live.value > 0 };
}

function bound(shape: CoreMemory, options: HeapOptions = {}) {
  const memory = memoryFor(shape);
  const heap = Heap.create({ memory, start: 65_536, slotCount: 4, ...options });
  const program = programIn(shape, memory, cMalloc(heap));
  return { memory, heap, program, isBound: bindProgram(heap, program.exports) };
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof KmemError) return error.code;
    throw error;
  }
  return undefined;
}

describe("a program that is bound to its heap", () => {
  it("serves most calls within the module, and the others by the imports", () => {
    const { heap, program } = bound(SHARED);
    const first = program.calls.malloc(100);
    program.slow.length = 0;
    const blocks = Array.from({ length: 20 }, () => program.calls.malloc(100));
    for (const block of blocks) program.calls.free(block);
    program.calls.free(0);
    expect(program.calls.malloc_usable_size(first)).toBe(112);
    expect(program.slow).toEqual([]);
    program.calls.free(program.calls.malloc(100_000));
    expect(program.slow).toEqual(["malloc", "free"]);
    expect(checkHeap(heap).isClean).toBe(true);
  });

  it("follows its memory as it grows, by itself or by others", () => {
    const { memory, heap, program } = bound(GROWING);
    const large = heap.alloc(2_000_000);
    expect(memory.buffer.byteLength).toBeGreaterThan(2_000_000);
    for (let round = 0; round < 3; round++) program.calls.free(program.calls.malloc(48));
    program.slow.length = 0;
    program.calls.free(program.calls.malloc(48));
    expect(program.slow).toEqual([]);
    memory.grow(1);
    program.calls.free(program.calls.malloc(48));
    expect(program.slow.length).toBeGreaterThan(0);
    program.slow.length = 0;
    program.calls.free(program.calls.malloc(48));
    expect(program.slow).toEqual([]);
    heap.free(large);
    expect(checkHeap(heap).isClean).toBe(true);
  });

  it("goes to the imports for all once the heap is detached", () => {
    const { heap, program } = bound(SHARED);
    program.calls.free(program.calls.malloc(48));
    heap.detach();
    expect(program.isBound()).toBe(false);
    expect(codeOf(() => program.calls.malloc(48))).toBe(undefined);
    expect(program.slow.at(-1)).toBe("malloc");
  });

  it("is the heap's that it was bound to last", () => {
    const { memory, heap, program } = bound(SHARED);
    const other = Heap.attach(heap.reserve());
    bindProgram(other, program.exports);
    expect(other.source).toBe(memory);
    const live = program.exports[coreExport("live_tag")] as WebAssembly.Global;
    expect(live.value).toBe(other.slot + 1);
    heap.detach();
    expect(live.value).toBe(other.slot + 1);
  });
});

describe("a program of several threads", () => {
  it("has an instance for each, whose blocks any of them frees", () => {
    const { memory, heap, program } = bound(SHARED);
    const second = Heap.attach(heap.reserve());
    const other = programIn(SHARED, memory, cMalloc(second));
    expect(bindProgram(second, other.exports)).toBe(true);
    const blocks = Array.from({ length: 300 }, (_, index) => program.calls.malloc(16 + index));
    for (const block of blocks) other.calls.free(block);
    expect(other.slow.length).toBeLessThan(150);
    expect(checkHeap(heap).isClean).toBe(true);
  });
});

describe("what binds by itself", () => {
  const adopted = adopt(
    buildModule({ functions: [toyMalloc(), toyFree()], memory: { pages: 4, maximum: 64 }, globals: [] }),
  );

  it("is a heap by programHeapOptions, with its first call", () => {
    let exports: WebAssembly.Exports = {};
    const kmem = cMalloc(() => LocalHeap.create(programHeapOptions(adopted, { exports }))) as object;
    ({ exports } = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { kmem: { ...kmem } }));
    const live = exports[coreExport("live_tag")] as WebAssembly.Global;
    expect(live.value).toBe(0);
    (exports as unknown as CoreCalls).malloc(20);
    expect(live.value).toBe(1);
  });

  it("is no heap that begins elsewhere", () => {
    let exports: WebAssembly.Exports = {};
    const kmem = cMalloc(() => {
      const options = programHeapOptions(adopted, { exports });
      return LocalHeap.create({ ...options, start: options.start! + 4096 });
    }) as object;
    ({ exports } = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { kmem: { ...kmem } }));
    (exports as unknown as CoreCalls).malloc(20);
    expect((exports[coreExport("live_tag")] as WebAssembly.Global).value).toBe(0);
  });
});

describe("a stack of a program with merged functions", () => {
  it("is shown without their frames", () => {
    const module = buildModule({ functions: [toyMalloc(), toyFree()] });
    const { bytes, originOf } = adopt(module);
    const { framesOf, mapFrame } = programFrames(module, { originOf });
    const bodies = new WasmModule(bytes).bodyStarts;
    const frameAt = (index: number): string =>
      `wasm://wasm/0a1b:wasm-function[${index + 2}]:0x${bodies[index]!.toString(16)}`;
    expect(bodies.length).toBe(4);
    const stack = [2, 0, 3].map(frameAt).join("\n");
    expect(framesOf(stack).length).toBe(1);
    expect(mapFrame(frameAt(3))).toBe("at kmem (the heap's paths in the program)");
  });
});

describe("what keeps to its imports", () => {
  let memory: WebAssembly.Memory;
  beforeEach(() => {
    memory = memoryFor(GROWING);
  });

  it("is a module that was adopted so, or has a memory of 64 bits", () => {
    const functions = [toyMalloc(), toyFree()];
    expect(adopt(buildModule({ functions })).merged).toEqual(["malloc", "free"]);
    expect(adopt(buildModule({ functions }), { merge: "sampled" }).merged).toEqual(["malloc", "free"]);
    for (const options of [
      { merge: false },
      { merge: "sampled", stacks: true },
      { merge: "sampled", check: "memcheck" },
    ]) {
      expect(adopt(buildModule({ functions }), options as AdoptOptions).merged).toEqual([]);
    }
    const loads = [2000, 2004, 2008].flatMap((address) => [...op.i64(address), 0x29, 3, 0, 0x7c]);
    const stores = [2000, 2004, 2008].flatMap((address) => [...op.i64(address), ...op.get(0), 0x37, 3, 0]);
    const malloc = { params: [I64], results: [I64], code: [...op.get(0), ...loads], exportAs: "malloc" };
    const free = { params: [I64], results: [], code: stores, exportAs: "free" };
    expect(adopt(buildModule({ memory: { pages: 1, is64: true }, functions: [malloc, free] })).merged).toEqual([]);
    const heap = Heap.create({ memory, start: 65_536, slotCount: 1 });
    expect(bindProgram(heap, {})).toBe(false);
    const { exports } = programIn(GROWING, memory, cMalloc(heap));
    for (const strange of [1, null, new WebAssembly.Global({ value: "i32" }, 1)]) {
      expect(bindProgram(heap, { ...exports, [coreExport("tags")]: strange })).toBe(false);
    }
    expect(bindProgram(heap, exports)).toBe(true);
  });

  it("is a heap with debugging, one that is wrapped, and one with exact frees", () => {
    const debugged = DebugHeap.create({ memory, start: 65_536, slotCount: 1 });
    const program = programIn(GROWING, memory, cMalloc(debugged));
    expect(bindProgram(debugged, program.exports)).toBe(false);
    const exact = bound(SHARED, { exactFrees: true });
    expect([exact.isBound, exact.program.isBound()]).toEqual([false, false]);
    const { heap, program: other } = bound(SHARED);
    const { alloc } = heap;
    heap.alloc = (sizeBytes) => alloc(sizeBytes);
    expect(bindProgram(heap, other.exports)).toBe(false);
  });

  it("is refused for a heap in another memory", () => {
    const heap = Heap.create({ memory: memoryFor(GROWING), start: 65_536, slotCount: 1 });
    const program = programIn(GROWING, memory, cMalloc(heap));
    expect(codeOf(() => bindProgram(heap, program.exports))).toBe("BAD_ARGUMENT");
    expect(codeOf(() => bindProgram({} as Heap, program.exports))).toBe("BAD_ARGUMENT");
  });
});
