import { describe, expect, it } from "vitest";
import { Heap, KmemError, LocalHeap } from "../../src/index.ts";
import { expectClean } from "../support/expectations.ts";

const WASM_PAGE = 65_536;

/** A heap over a memory that has grown by so many blocks of 4 KiB. */
function grown(shared: boolean): { heap: Heap; blocks: number[] } {
  const memory = new WebAssembly.Memory({ initial: shared ? 32 : 3, maximum: 400, shared });
  const heap = Heap.create({ memory, slotCount: 4, maximumBytes: 400 * WASM_PAGE });
  const before = memory.buffer.byteLength;
  const blocks = Array.from({ length: 1000 }, () => heap.alloc(4000));
  expect(memory.buffer.byteLength).toBeGreaterThan(before);
  return { heap, blocks };
}

describe.each([false, true])("the fast path of memory that grows, shared: %s", (shared) => {
  it("has functions that serve the memory as it is, and stay the same from the first growth on", () => {
    const { heap, blocks } = grown(shared);
    const { alloc } = heap;
    blocks.push(...Array.from({ length: 1000 }, () => heap.alloc(4000)));
    expect(heap.alloc).toBe(alloc);
    const { free } = heap;
    for (const block of blocks) free(block);
    const again = Array.from({ length: 100 }, () => alloc(4000));
    expect(new Set(again).size).toBe(100);
    for (const block of again) new Uint8Array(heap.buffer, block, 4000).fill(7);
    for (const block of again) free(block);
    expectClean(heap);
  });

  it("refuses a second free, and an address that is no block's, after the growth", () => {
    const { heap, blocks } = grown(shared);
    const [first = 0] = blocks;
    heap.free(first);
    const codeOf = (address: unknown): string => {
      try {
        heap.free(address as number);
        return "none";
      } catch (error) {
        return error instanceof KmemError ? error.code : String(error);
      }
    };
    expect(codeOf(first)).toBe("DOUBLE_FREE");
    for (const address of [first + 16, 8, 2 ** 32 - 16, -16, 1n, {}, "4096"]) {
      expect(["INVALID_FREE", "BAD_ARGUMENT"]).toContain(codeOf(address));
    }
    expectClean(heap);
  });

  it("ends with the heap", () => {
    const { heap } = grown(shared);
    heap.detach();
    expect(() => heap.alloc(16)).toThrow(/detach/);
  });
});

it("is that of a heap of one thread, too", () => {
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 400 });
  const heap = LocalHeap.create({ memory, maximumBytes: 400 * WASM_PAGE });
  const blocks = Array.from({ length: 1000 }, () => heap.alloc(4000));
  const { alloc, free } = heap;
  blocks.push(...Array.from({ length: 1000 }, () => alloc(4000)));
  expect(heap.alloc).toBe(alloc);
  for (const block of blocks) free(block);
  expect(heap.tryAlloc(100)).toBeGreaterThan(0);
});

describe("functions that a program has wrapped", () => {
  it("stay wrapped as the memory grows", () => {
    const memory = new WebAssembly.Memory({ initial: 3, maximum: 400 });
    const heap = Heap.create({ memory, slotCount: 1, maximumBytes: 400 * WASM_PAGE });
    const blocks = Array.from({ length: 100 }, () => heap.alloc(4000));
    const { alloc } = heap;
    let calls = 0;
    heap.alloc = (sizeBytes) => {
      calls++;
      return alloc(sizeBytes);
    };
    const before = memory.buffer.byteLength;
    for (let call = 0; call < 1000; call++) blocks.push(heap.alloc(4000));
    expect(memory.buffer.byteLength).toBeGreaterThan(before);
    expect(calls).toBe(1000);
    for (const block of blocks) heap.free(block);
    expectClean(heap);
  });
});
