import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { type BaseHeap, type GrowthHooks, Heap, type HeapOptions, heapStats, LocalHeap } from "../../src/index.ts";
import { Nodes } from "../../src/nodes/index.ts";
import { expectBytesAddUp, expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** What Emscripten's glue adds beyond what was asked for. */
const OVERGROWN_PAGES = 5;

/** A program as Emscripten's glue is: it resizes its memory itself, and has views that must follow. */
class Glue {
  readonly memory: WebAssembly.Memory;
  heapU8: Uint8Array;
  /** Pages that it was asked for, call by call. */
  readonly asked: number[] = [];
  constructor(initial: number, maximum: number) {
    this.memory = new WebAssembly.Memory({ initial, maximum });
    this.heapU8 = new Uint8Array(this.memory.buffer);
  }

  readonly resize = (pageCount: number): boolean => {
    this.asked.push(pageCount);
    try {
      this.memory.grow(pageCount + OVERGROWN_PAGES);
    } catch {
      return false;
    }
    this.heapU8 = new Uint8Array(this.memory.buffer);
    return true;
  };
}

const CLASSES: [string, (options: HeapOptions) => BaseHeap][] = [
  ["Heap", (options) => Heap.create(options)],
  ["LocalHeap", (options) => LocalHeap.create(options)],
  ["DebugHeap", (options) => DebugHeap.create({ ...options, report: () => {} })],
  ["SampledHeap", (options) => SampledHeap.create({ ...options, sampleEvery: 3, report: () => {} })],
];

describe.each(CLASSES)("a %s that a program's own function grows", (_name, create) => {
  it("gets all that this adds, and the program's views follow", () => {
    const glue = new Glue(16, 1024);
    const heap = create({ memory: glue.memory, maximumBytes: 32 * MIB, start: 100_000, grow: glue.resize });
    const blocks = Array.from({ length: 60 }, () => {
      const block = heap.alloc(300_000);
      expect(glue.heapU8.length).toBe(glue.memory.buffer.byteLength);
      glue.heapU8.fill(block % 251, block, block + 300_000);
      return block;
    });
    for (const block of blocks)
      expect(glue.heapU8.subarray(block, block + 300_000).every((b) => b === block % 251)).toBe(true);
    expect(glue.asked.length).toBeGreaterThan(3);
    expect(heapStats(heap).foreignBytes).toBe(0);
    expect(heapStats(heap).endAddress).toBe(Math.min(glue.memory.buffer.byteLength, 32 * MIB));
    expectClean(heap as Heap);
    expectBytesAddUp(heap as Heap);
    for (const block of blocks) heap.free(block);
  });

  it("asks it for the room of its tables too, and by less where it refuses", () => {
    const glue = new Glue(2, 8 * 16);
    const grow = (pageCount: number): boolean => pageCount <= 40 && glue.resize(pageCount);
    const heap = create({ memory: glue.memory, start: 70_000, maximumBytes: 8 * MIB, grow });
    let count = 0;
    while (heap.tryAlloc(100_000) !== 0) count++;
    expect(count).toBeGreaterThan(50);
    expectClean(heap as Heap);
  });
});

describe("a function that grows a heap's memory", () => {
  const made = (hooks: GrowthHooks): Heap =>
    Heap.create({ memory: new WebAssembly.Memory({ initial: 32, maximum: 256 }), ...hooks });
  const memoryOf = (heap: Heap): WebAssembly.Memory => heap.source as WebAssembly.Memory;

  it("that refuses or throws leaves the heap out of memory, and what it has added is nobody's", () => {
    const answers: ((heap: Heap, pageCount: number) => boolean)[] = [
      () => false,
      () => {
        throw new Error("of the program's");
      },
      (heap, pageCount) => memoryOf(heap).grow(pageCount) < 0,
      (heap) => memoryOf(heap).grow(1) > 0,
      () => "yes" as unknown as boolean,
      () => true,
    ];
    for (const answer of answers) {
      const heap: Heap = made({ grow: (pageCount) => answer(heap, pageCount) });
      const { endAddress } = heapStats(heap);
      expect(thrownBy(() => heap.alloc(2 * MIB)).code).toBe("OUT_OF_MEMORY");
      expect(heap.tryAlloc(2 * MIB)).toBe(0);
      expect(heapStats(heap).endAddress).toBe(endAddress);
      expect(heap.alloc(1000)).toBeGreaterThan(0);
      expectClean(heap);
    }
  });

  it("is for memory that is nobody else's to grow", () => {
    const shared = new WebAssembly.Memory({ initial: 16, maximum: 256, shared: true });
    for (const [options, text] of [
      [{ memory: shared }, "a shared one is grown by memory.grow"],
      [{ memory: new ArrayBuffer(MIB) }, "the ArrayBuffer given does not"],
      [{ maximumBytes: 2 * MIB }, "grow is for a memory of the caller's"],
    ] as const) {
      const error = thrownBy(() => Heap.create({ ...options, grow: () => true }));
      expect(error).toMatchObject({ code: "BAD_ARGUMENT", message: expect.stringContaining(text) });
    }
    expect(thrownBy(() => made({ grow: 5 as never })).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => made({ onGrow: {} as never })).code).toBe("BAD_ARGUMENT");
  });

  it("cannot use the heap, which is in the midst of an allocation, and neither can who is told of it", () => {
    const codes: (string | undefined)[] = [];
    const use = (heap: Heap): void => {
      for (const call of [() => heap.alloc(50_000), () => heap.pages.alloc(1), () => heap.trim(), () => heap.free(3)]) {
        codes.push(thrownBy(call).code);
      }
    };
    const heap: Heap = made({
      grow: (pageCount) => {
        use(heap);
        return memoryOf(heap).grow(pageCount) > 0;
      },
      onGrow: () => use(heap),
    });
    expect(heap.alloc(2 * MIB)).toBeGreaterThan(0);
    expect(codes).toEqual(Array.from({ length: 8 }, () => "MUST_NOT_BLOCK"));
    expectClean(heap);
    heap.free(heap.alloc(100));
  });
});

describe("a heap tells of each growth", () => {
  it.each([
    ["its own shared memory", { sizeBytes: MIB, maximumBytes: 16 * MIB }],
    ["its own memory", { sizeBytes: MIB, maximumBytes: 16 * MIB, shared: false }],
  ])("of %s", (_name, options) => {
    const lengths: number[] = [];
    const heap = Heap.create({ ...options, onGrow: (byteLength) => lengths.push(byteLength) });
    let before = heap.buffer.byteLength;
    for (let turn = 0; turn < 40; turn++) {
      const count = lengths.length;
      heap.tryAlloc(300_000);
      const now = heap.buffer.byteLength;
      expect(lengths.length - count).toBe(now > before ? 1 : 0);
      if (now > before) expect(lengths.at(-1)).toBe(now);
      before = now;
    }
    expect(lengths.length).toBeGreaterThan(5);
  });

  it("that its tables need, and not of what others add", () => {
    const lengths: number[] = [];
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1024 });
    const heap = LocalHeap.create({ memory, start: 65_536, onGrow: (byteLength) => lengths.push(byteLength) });
    expect(lengths).toEqual([memory.buffer.byteLength]);
    heap.free(heap.alloc(10));
    const { length } = lengths;
    memory.grow(3);
    heap.free(heap.alloc(10));
    expect(lengths).toHaveLength(length);
  });

  it("of every node", () => {
    const lengths: number[] = [];
    const onGrow = (byteLength: number): void => void lengths.push(byteLength);
    const nodes = Nodes.create({ nodes: [{ sizeBytes: MIB, maximumBytes: 4 * MIB, onGrow }, { sizeBytes: MIB }] });
    while (nodes.tryAlloc(100_000) !== 0);
    expect(lengths.length).toBeGreaterThan(0);
  });

  it("and goes on where the function throws, which becomes an unhandled rejection", async () => {
    const reasons: unknown[] = [];
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => reasons.push(reason));
    const thrown = new Error("of the caller's");
    const heap = Heap.create({
      sizeBytes: MIB,
      maximumBytes: 4 * MIB,
      onGrow: () => {
        throw thrown;
      },
    });
    expect(heap.alloc(2 * MIB)).toBeGreaterThan(0);
    expectClean(heap);
    await new Promise((resolve) => setImmediate(resolve));
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
    expect(reasons).toEqual([thrown]);
  });
});
