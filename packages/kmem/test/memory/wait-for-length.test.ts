import { describe, expect, it } from "vitest";
import { WASM_PAGE_SIZE } from "../../src/memory/layout.ts";
import { LinearMemory } from "../../src/memory/memory.ts";

/** A memory whose growth is seen late, as V8 may show it to a thread that has not grown it: until it is to grow. */
class LateMemory extends WebAssembly.Memory {
  #seen: ArrayBufferLike | undefined;
  #isLate = false;

  override get buffer(): ArrayBuffer {
    if (this.#seen === undefined || !this.#isLate) this.#seen = super.buffer;
    return this.#seen as ArrayBuffer;
  }

  override grow(pages: number): number {
    this.#isLate = false;
    return super.grow(pages);
  }

  growUnseen(pages: number): void {
    super.grow(pages);
    this.#isLate = true;
  }
}

describe("LinearMemory.reach", () => {
  it("sees bytes that are there for certain, where refresh does not yet", () => {
    const memory = new LateMemory({ initial: 1, maximum: 10, shared: true });
    const linear = new LinearMemory(memory);
    memory.growUnseen(2);
    linear.refresh();
    expect(linear.bytes.length).toBe(WASM_PAGE_SIZE);
    linear.waitForLength(2 * WASM_PAGE_SIZE + 1);
    expect(linear.bytes.length).toBe(3 * WASM_PAGE_SIZE);
    expect(linear.words.length).toBe((3 * WASM_PAGE_SIZE) / 4);
  });

  it("does not ask for ever for bytes that are not there", () => {
    for (const source of [
      new SharedArrayBuffer(WASM_PAGE_SIZE),
      new LateMemory({ initial: 1, maximum: 1, shared: true }),
    ]) {
      const linear = new LinearMemory(source);
      linear.waitForLength(2 * WASM_PAGE_SIZE);
      expect(linear.bytes.length).toBe(WASM_PAGE_SIZE);
    }
  });
});
