import { describe, expect, it, vi } from "vitest";
import { dumpHeap, Heap, type HeapOptions, heapStats, loadDump } from "../../src/index.ts";
import { maximumOf } from "../../src/memory/maximum.ts";
import { expectBytesAddUp, expectClean, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

const WASM_PAGE = 65_536;
const GIB = 1024 * MIB;

/** A memory with addresses of 64 bits, as programs compiled for wasm64 have. */
function memory64(initial: number, maximum: number, shared = false): WebAssembly.Memory {
  const descriptor: unknown = { initial: BigInt(initial), maximum: BigInt(maximum), address: "i64", shared };
  return new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
}

/** As an engine is that tells the type of a memory. */
function withType(memory: WebAssembly.Memory, type: object): WebAssembly.Memory {
  return Object.assign(memory, { type: () => type });
}

describe("how far a memory may grow is found out", () => {
  it.each([1, 2, 3, 64, 100, 1000, 1024, 65_535, 65_536])("where that is %i pages, without growing it", (maximum) => {
    for (const shared of [true, false]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum, shared });
      const { buffer } = memory;
      expect(maximumOf(memory)).toBe(maximum * WASM_PAGE);
      expect(maximumOf(memory64(1, maximum, shared))).toBe(maximum * WASM_PAGE);
      expect(memory.buffer).toBe(buffer);
      expect(buffer.byteLength).toBe(WASM_PAGE);
    }
  });

  it("once it has grown to it", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 7 });
    memory.grow(6);
    expect(maximumOf(memory)).toBe(7 * WASM_PAGE);
  });

  it("not where there is none, or no module may be made", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 7 });
    expect(maximumOf(new WebAssembly.Memory({ initial: 3 }))).toBeUndefined();
    const noModules = vi.spyOn(WebAssembly, "Module").mockImplementation(function refuse() {
      throw new EvalError("Refused to compile: it violates the Content Security Policy");
    });
    expect(maximumOf(memory)).toBeUndefined();
    noModules.mockRestore();
  });

  it("by what the engine says, where it tells types", () => {
    const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 1, maximum: 7 });
    expect(maximumOf(withType(memory(), { minimum: 1, maximum: 7 }))).toBe(7 * WASM_PAGE);
    expect(maximumOf(withType(memory(), { minimum: 1n, maximum: 1_000_000n }))).toBe(4 * GIB);
    expect(maximumOf(withType(memory(), { minimum: 1 }))).toBeUndefined();
  });
});

describe.each([
  ["shared", true],
  ["unshared", false],
])("a heap in a %s memory made elsewhere", (_name, shared) => {
  it("grows it up to its maximum as it is needed", () => {
    const memory = new WebAssembly.Memory({ initial: 256, maximum: 1024, shared });
    const heap = Heap.create({ memory });
    expect(memory.buffer.byteLength).toBe(16 * MIB);
    const lengths = new Set<number>();
    let blockCount = 0;
    for (; heap.tryAlloc(MIB) !== 0; blockCount++) lengths.add(memory.buffer.byteLength);
    expect(blockCount).toBeGreaterThan(55);
    // Where tables move, the memory grows by what is needed.
    expect(memory.buffer.byteLength).toBeGreaterThan(shared ? 64 * MIB - 1 : 63 * MIB);
    expect(lengths.size).toBeGreaterThan(5);
    expectClean(heap);
    expectBytesAddUp(heap);
  });

  it("grows it up to maximumBytes and no further", () => {
    for (const end of [undefined, 8 * MIB, 8 * MIB + 5000, 24 * MIB]) {
      const memory = new WebAssembly.Memory({ initial: 256, maximum: 1024, shared });
      const heap = Heap.create({ memory, maximumBytes: 40 * MIB, ...(end === undefined ? {} : { end }) });
      expect(heapStats(heap)).toMatchObject({
        endAddress: Math.floor((end ?? 16 * MIB) / PAGE) * PAGE,
        limitAddress: 40 * MIB,
      });
      while (heap.tryAlloc(300_000) !== 0);
      expect(memory.buffer.byteLength).toBe(40 * MIB);
      expect(heapStats(heap).foreignBytes).toBe(
        end !== undefined && end < 16 * MIB ? 16 * MIB - Math.floor(end / PAGE) * PAGE : 0,
      );
      expectClean(heap);
    }
  });

  it("plans for no more than the memory can have", () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 64, shared });
    expect(heapStats(Heap.create({ memory, maximumBytes: 2 * GIB })).limitAddress).toBe(4 * MIB);
  });

  it("grows what another realm, or a subclass, has made", () => {
    class OwnMemory extends WebAssembly.Memory {}
    const memory = new OwnMemory({ initial: 16, maximum: 64, shared });
    const heap = Heap.create({ memory });
    expect(heap.alloc(2 * MIB)).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("takes smaller steps where the engine refuses large ones", () => {
    class Reluctant extends WebAssembly.Memory {
      override grow(pageCount: number): number {
        if (pageCount > 3) throw new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
        return super.grow(pageCount);
      }
    }
    const memory = new Reluctant({ initial: 256, maximum: 1024, shared });
    const heap = Heap.create({ memory, maximumBytes: 18 * MIB });
    let blockCount = 0;
    while (heap.tryAlloc(100_000) !== 0) blockCount++;
    expect(blockCount).toBeGreaterThan(150);
    expect(thrownBy(() => heap.alloc(MIB)).code).toBe("OUT_OF_MEMORY");
    expectClean(heap);
  });

  it("grows one with addresses of 64 bits", () => {
    for (const options of [{}, { maximumBytes: 8 * MIB }, { end: MIB, maximumBytes: 8 * MIB }]) {
      const memory = memory64(32, 256, shared);
      const heap = Heap.create({ memory, ...options });
      const blocks = [heap.alloc(4 * MIB), heap.tryAlloc(MIB), heap.allocWait(100_000), heap.pages.alloc(3)];
      expect(blocks.every((block) => block > 0)).toBe(true);
      memory.grow(1n as unknown as number);
      heap.free(blocks[0] as number);
      const second = Heap.attach(heap.source);
      expect(second.tryAlloc(5 * MIB) > 0).toBe("maximumBytes" in options === false);
      expectClean(heap);
      expectClean(loadDump(dumpHeap(heap)));
    }
  });
});

it("plans for eight times its size where a memory has no maximum", () => {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const heap = Heap.create({ memory });
  expect(heapStats(heap)).toMatchObject({ endAddress: MIB, limitAddress: 8 * MIB });
  expect(memory.buffer.byteLength).toBe(MIB);
  while (heap.tryAlloc(100_000) !== 0);
  expect(memory.buffer.byteLength).toBe(8 * MIB);
  expectClean(heap);
});

describe("a memory made elsewhere is refused", () => {
  const wasm = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 16, maximum: 64 });
  it.each<[string, () => HeapOptions, string]>([
    ["with a size", () => ({ memory: wasm(), sizeBytes: MIB }), "give either a memory or the size of a new one"],
    ["with a maximum below its size", () => ({ memory: wasm(), maximumBytes: MIB - 1 }), "is less than the heap's end"],
    ["with a maximum below its end", () => ({ memory: wasm(), end: MIB / 2, maximumBytes: MIB / 4 }), "is less than"],
    ["with a maximum of NaN", () => ({ memory: wasm(), maximumBytes: Number.NaN }), "maximumBytes is a whole number"],
    ["with a maximum above 4 GiB", () => ({ memory: wasm(), maximumBytes: 5 * GIB }), "maximumBytes is a whole number"],
    [
      "with a maximum where it cannot grow",
      () => ({ memory: new ArrayBuffer(MIB), maximumBytes: 2 * MIB }),
      "maximumBytes is for memory that grows, a WebAssembly.Memory; the ArrayBuffer given does not",
    ],
  ])("%s", (_name, options, text) => {
    const error = thrownBy(() => Heap.create(options()));
    expect(error.code).toBe("BAD_ARGUMENT");
    expect(error.message).toContain(text);
  });

  it("when it was transferred away", () => {
    const memory = new ArrayBuffer(MIB);
    structuredClone(memory, { transfer: [memory] });
    for (const open of [() => Heap.create({ memory }), () => Heap.attach(memory)]) {
      expect(thrownBy(open)).toMatchObject({ code: "DETACHED", message: expect.stringContaining("is detached") });
    }
  });

  it("when somebody else grows it while its tables are being made room for", () => {
    class Contended extends WebAssembly.Memory {
      override grow(pageCount: number): number {
        if (pageCount > 0) super.grow(1);
        return super.grow(pageCount);
      }
    }
    const memory = new Contended({ initial: 1, maximum: 640 });
    new Uint8Array(memory.buffer).fill(9);
    const error = thrownBy(() => Heap.create({ memory, start: WASM_PAGE }));
    expect(error.message).toContain("bytes 65536 to 131072 are not the heap's");
    expect(new Uint8Array(memory.buffer, 0, WASM_PAGE).every((byte) => byte === 9)).toBe(true);
  });
});

describe("a heap that gets too little", () => {
  const leastOf = (options: HeapOptions): number => {
    const { code, message, details } = thrownBy(() => Heap.create(options));
    expect(code).toBe("BAD_GEOMETRY");
    const [, least = ""] = /the least that works is (\d+) bytes$/.exec(message) ?? [];
    expect(details["leastBytes"]).toBe(Number(least));
    return Number(least);
  };

  it.each([0, 1, 100, PAGE, 3 * PAGE, 4 * PAGE])("of %i bytes is told the least that works", (sizeBytes) => {
    for (const slotCount of [1, 64, 126]) {
      for (const shared of [true, false]) {
        const least = leastOf({ sizeBytes, slotCount, shared });
        expect(least).toBeLessThan(30 * PAGE);
        expectClean(Heap.create({ sizeBytes: least, slotCount, shared }));
        expect(leastOf({ sizeBytes: least - 1, slotCount, shared })).toBe(least);
      }
    }
  });

  it("is told so in a part of a memory, in a memory that grows, and with a zone for DMA", () => {
    const memory = new ArrayBuffer(MIB);
    for (const start of [0, 1, 5000, 70_000]) {
      const least = leastOf({ memory, start, end: start + 100 });
      expectClean(Heap.create({ memory, start, end: start + least }));
      expect(leastOf({ memory, start, end: start + least - 1 })).toBe(least);
    }
    const least = leastOf({ sizeBytes: 0, maximumBytes: 1 });
    expectClean(Heap.create({ sizeBytes: 0, maximumBytes: least }));
    const withDma = leastOf({ sizeBytes: 0, dmaBytes: 4 * PAGE });
    expectClean(Heap.create({ sizeBytes: withDma, dmaBytes: 4 * PAGE }));
  });
});
