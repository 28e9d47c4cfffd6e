import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { Heap, LocalHeap } from "../../src/index.ts";
import { Nodes } from "../../src/nodes/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const shrinker = { name: "none", count: () => 0, scan: () => 0 };

describe("what can be disposed of", () => {
  it.each([
    ["Heap", () => Heap.create({ sizeBytes: MIB })],
    ["LocalHeap", () => LocalHeap.create({ sizeBytes: MIB })],
    ["DebugHeap", () => DebugHeap.create({ sizeBytes: MIB, report: () => undefined })],
    ["Nodes", () => Nodes.create({ nodes: [{ sizeBytes: MIB }, { sizeBytes: MIB }] })],
  ])("is a %s, which is detached at the end of its block, once", (_name, create) => {
    const opened = create();
    {
      using heap = opened;
      heap.free(heap.alloc(10));
    }
    expect(thrownBy(() => opened.alloc(10)).code).toBe("DETACHED");
    opened.dispose();
    const detached = create();
    detached.detach();
    detached[Symbol.dispose]();
  });

  it("is a cache, which is destroyed, and says so where it cannot be", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    {
      using cache = heap.createCache({ name: "objects", sizeBytes: 40 });
      cache.free(cache.alloc());
    }
    const cache = heap.createCache({ name: "objects", sizeBytes: 40 });
    const object = cache.alloc();
    expect(thrownBy(() => cache.dispose()).code).toBe("CACHE_BUSY");
    cache.free(object);
    cache.dispose();
    cache.dispose();
  });

  it("is a shrinker, which is asked no more", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    while (heap.tryAlloc(5000) !== 0);
    let askedCount = 0;
    const asked = { ...shrinker, count: () => askedCount++ * 0 };
    const ask = (): number => {
      askedCount = 0;
      expect(() => heap.alloc(5000)).toThrow("out of memory");
      return askedCount;
    };
    for (const end of ["call", "dispose", "using"]) {
      const registered = heap.addShrinker(asked);
      expect(ask()).toBeGreaterThan(0);
      if (end === "call") registered();
      else if (end === "dispose") registered.dispose();
      else registered[Symbol.dispose]();
      registered();
      expect(ask()).toBe(0);
    }
  });
});

describe("a heap as a line", () => {
  it("says where it lies, and what is in use", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const line = /^Heap \{ 0x0 to 0x100000 of a SharedArrayBuffer, slot 0, \d+ bytes in use \}$/;
    expect(String(heap)).toMatch(line);
    expect(inspect(heap)).toMatch(line);
    expect(inspect({ heap })).toContain("slot 0");
    heap.detach();
    expect(String(heap)).toBe("Heap { detached }");
  });
});
