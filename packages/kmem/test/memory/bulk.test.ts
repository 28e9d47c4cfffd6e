import { afterEach, describe, expect, it, vi } from "vitest";
import { checkHeap, Heap } from "../../src/index.ts";
import { bulkOver } from "../../src/memory/bulk.ts";
import { LinearMemory, type MemorySource } from "../../src/memory/memory.ts";
import { MIB } from "../support/memories.ts";

const WASM_PAGE = 65536;
/** Sizes on both sides of where loops end. */
const SIZES: readonly number[] = [0, 1, 255, 256, 257, 400, 4096, 30_000, 100_000];

function wasmMemory(shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 2, maximum: 4, shared });
}

function wideMemory(shared: boolean): WebAssembly.Memory {
  const descriptor: unknown = { initial: 64n, maximum: 64n, address: "i64", shared };
  return new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
}

const MEMORIES: readonly (readonly [string, () => MemorySource])[] = [
  ["a SharedArrayBuffer", () => new SharedArrayBuffer(4 * MIB)],
  ["an ArrayBuffer", () => new ArrayBuffer(4 * MIB)],
  ["a shared WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true })],
  ["a WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 64 })],
  ["a shared WebAssembly.Memory of 64 bits", () => wideMemory(true)],
  ["a WebAssembly.Memory of 64 bits", () => wideMemory(false)],
];

/** Asserts that calloc clears all of a block and nothing around it, and that realloc keeps what was in it. */
function expectClearsAndCopies(heap: Heap): void {
  const bytes = new Uint8Array(heap.buffer);
  for (const size of SIZES) {
    const [before, block, after] = [heap.alloc(size), heap.alloc(size), heap.alloc(size)];
    for (const address of [before, block, after]) bytes.fill(0x5a, address, address + size);
    heap.free(block);
    const cleared = heap.calloc(1, size);
    expect(bytes.subarray(cleared, cleared + size).every((byte) => byte === 0)).toBe(true);
    for (const address of [before, after]) {
      expect(bytes.subarray(address, address + size).every((byte) => byte === 0x5a)).toBe(true);
    }
    const moved = heap.realloc(before, 3 * size + 1);
    expect(bytes.subarray(moved, moved + size).every((byte) => byte === 0x5a)).toBe(true);
    for (const address of [moved, cleared, after]) heap.free(address);
  }
  expect(checkHeap(heap).isClean).toBe(true);
}

afterEach(() => void vi.unstubAllGlobals());

describe.each([
  ["shared", true],
  ["unshared", false],
])("fills and copies of WebAssembly over %s memory", (_name, shared) => {
  it("change the bytes that they are told, also in pages that were added later", () => {
    const memory = new LinearMemory(wasmMemory(shared));
    const { bulk } = memory;
    expect(bulk).toBeDefined();
    expect(memory.bulk).toBe(bulk);
    memory.growBy(WASM_PAGE);
    bulk?.fill(2 * WASM_PAGE + 3, 7, 1000);
    bulk?.copy(5, 2 * WASM_PAGE, 1100);
    expect([...memory.bytes.subarray(4, 10)]).toEqual([0, 0, 0, 0, 7, 7]);
    expect(memory.bytes.subarray(8, 1008).every((byte) => byte === 7)).toBe(true);
    expect([memory.bytes[1008], memory.bytes[2 * WASM_PAGE + 1003]]).toEqual([0, 0]);
    bulk?.copy(9, 8, 1000);
    expect([memory.bytes[1008], memory.bytes[1009]]).toEqual([7, 0]);
  });

  it("trap outside of it, with nothing changed", () => {
    const memory = new LinearMemory(wasmMemory(shared));
    expect(() => memory.bulk?.fill(2 * WASM_PAGE - 8, 7, 9)).toThrow(WebAssembly.RuntimeError);
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("are not to be had of memory with addresses of 64 bits", () => {
    expect(bulkOver(wideMemory(shared))).toBeUndefined();
  });
});

describe.each(MEMORIES)("calloc and realloc in %s", (_name, makeMemory) => {
  it("clear and copy", () => {
    expectClearsAndCopies(Heap.create({ memory: makeMemory() }));
  });

  it("clear and copy where the engine refuses modules", () => {
    const heap = Heap.create({ memory: makeMemory() });
    const refused = class {
      constructor() {
        throw new WebAssembly.CompileError("refused by a content security policy");
      }
    };
    vi.stubGlobal("WebAssembly", { ...namesOf(WebAssembly), Module: refused });
    expectClearsAndCopies(heap);
  });
});

/** What a namespace has; its names cannot be listed by a spread. */
function namesOf(namespace: typeof WebAssembly): object {
  const names = Object.getOwnPropertyNames(namespace) as (keyof typeof WebAssembly)[];
  return Object.fromEntries(names.map((name) => [name, namespace[name]]));
}
