import { Heap } from "kmem";
import { describe, expect, it } from "vitest";
import { constructedHeap } from "../../src/replay/constructed-heap.ts";
import { heapWith } from "./support.ts";

const MIB = 2 ** 20;

describe.each([
  ["that runs constructors", true],
  ["that does not", false],
])("constructed objects of a heap %s", (_, runsConstructors) => {
  it("are zeros and a list head that points to itself", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const dirty = heap.alloc(192);
    heap.u8(dirty).fill(0xff);
    heap.free(dirty);
    const cache = constructedHeap(heap, runsConstructors).createCache({ name: "a", sizeBytes: 192 });
    for (let count = 0; count < 30; count++) {
      const address = cache.alloc();
      const words = new Uint32Array(heap.buffer, address, 48);
      expect([words[0], words[1]]).toEqual([address, address]);
      expect(words.subarray(2).every((word) => word === 0)).toBe(true);
      if (count % 3 === 0) cache.free(address);
    }
  });
});

describe("the constructor", () => {
  it("runs once for an object of a heap that runs constructors, else at each allocation", () => {
    const count = (runsConstructors: boolean): boolean => {
      const heap = Heap.create({ sizeBytes: MIB });
      const cache = constructedHeap(heap, runsConstructors).createCache({ name: "a", sizeBytes: 64 });
      const address = cache.alloc();
      new Uint32Array(heap.buffer)[address / 4 + 2] = 7;
      cache.free(address);
      expect(cache.alloc()).toBe(address);
      return new Uint32Array(heap.buffer)[address / 4 + 2] === 0;
    };
    expect([count(true), count(false)]).toEqual([false, true]);
  });

  it("needs a heap that shows its memory", () => {
    const { buffer: _, ...hidden } = heapWith();
    expect(() => constructedHeap(hidden, false)).toThrow("does not show its memory");
  });
});
