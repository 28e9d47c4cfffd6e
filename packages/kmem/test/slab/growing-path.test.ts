import { describe, expect, it } from "vitest";
import { Heap, KmemError, LocalHeap } from "../../src/index.ts";
import { expectClean } from "../support/expectations.ts";

const WASM_PAGE = 65_536;

/** A heap over a memory that has grown by so many blocks of 4 KiB. */
function grown(shared: boolean): { heap: Heap; alloc: Heap["alloc"]; blocks: number[] } {
  const memory = new WebAssembly.Memory({ initial: shared ? 32 : 3, maximum: 256, shared });
  const heap = Heap.create({ memory, slotCount: 4, maximumBytes: 256 * WASM_PAGE });
  const { alloc } = heap;
  const before = memory.buffer.byteLength;
  const blocks = Array.from({ length: 1000 }, () => heap.alloc(4000));
  expect(memory.buffer.byteLength).toBeGreaterThan(before);
  return { heap, alloc, blocks };
}

describe.each([false, true])("the fast path of memory that grows, shared: %s", (shared) => {
  it("keeps its functions, which serve the memory as it is", () => {
    const { heap, alloc, blocks } = grown(shared);
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
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 256 });
  const heap = LocalHeap.create({ memory, maximumBytes: 256 * WASM_PAGE });
  const { alloc, free } = heap;
  const blocks = Array.from({ length: 1000 }, () => alloc(4000));
  expect(heap.alloc).toBe(alloc);
  for (const block of blocks) free(block);
  expect(heap.tryAlloc(100)).toBeGreaterThan(0);
});
