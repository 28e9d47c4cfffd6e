import { describe, expect, it } from "vitest";
import { Heap } from "../../src/index.ts";
import { MIB } from "../support/memories.ts";

const WASM_PAGE = 65_536;

describe("a request that cannot be met in memory that may grow", () => {
  it.each([false, true])("leaves the memory and its views as they are (shared: %s)", (shared) => {
    let growths = 0;
    class Counted extends WebAssembly.Memory {
      override grow(pageCount: number): number {
        growths++;
        return super.grow(pageCount);
      }
    }
    const memory = new Counted({ initial: (16 * MIB) / WASM_PAGE, maximum: (64 * MIB) / WASM_PAGE, shared });
    const heap = Heap.create({ memory, slotCount: 1 });
    heap.alloc(8 * MIB);
    const view = new Uint8Array(memory.buffer);
    const { byteLength } = view;
    growths = 0;
    expect(heap.tryAlloc(60 * MIB)).toBe(0);
    expect(heap.pages.tryAlloc((60 * MIB) / 4096)).toBe(0);
    expect(view.byteLength).toBe(byteLength);
    expect(memory.buffer.byteLength).toBe(byteLength);
    expect(growths).toBeLessThan(10);
  });
});
