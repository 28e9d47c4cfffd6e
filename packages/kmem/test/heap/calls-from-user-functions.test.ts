// Functions of the user's, called from within a call of the heap, that detach it, repair it, or take its memory away.
import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { allocArray, blocksOf, checkHeap, Heap, heapStats, LocalHeap, repairHeap } from "../../src/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

function filled(heap: Pick<Heap, "tryAlloc">, sizeBytes: number): number[] {
  const blocks: number[] = [];
  for (let block = heap.tryAlloc(sizeBytes); block !== 0; block = heap.tryAlloc(sizeBytes)) blocks.push(block);
  return blocks;
}

function codeOf(call: () => unknown): string {
  return thrownBy(call).code;
}

describe("a heap that a function of the user's would detach in the midst of a call", () => {
  const heaps: readonly [string, () => Heap | LocalHeap][] = [
    ["a Heap", () => Heap.create({ sizeBytes: MIB })],
    ["a LocalHeap", () => LocalHeap.create({ sizeBytes: MIB })],
  ];
  it.each(heaps)("stays: %s, in a shrinker", (_, create) => {
    const heap = create();
    const blocks = filled(heap, 1000);
    const codes: string[] = [];
    heap.addShrinker({
      name: "leaver",
      count: () => (codes.length === 0 ? 1 : 0),
      scan: () => {
        for (const block of blocks.splice(0, 40)) heap.free(block);
        codes.push(codeOf(() => heap.detach()));
        return 40;
      },
    });
    expect(heap.alloc(1000)).toBeGreaterThan(0);
    expect(codes).toEqual(["MUST_NOT_BLOCK"]);
    expect(checkHeap(heap).findings).toEqual([]);
    heap.detach();
  });

  it("stays, in a constructor and a destructor, and another object of the thread goes", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const codes: string[] = [];
    const leave = (): void => void codes.push(codeOf(() => heap.detach()));
    const cache = heap.createCache({ name: "leavers", sizeBytes: 2000, construct: leave, destruct: leave });
    cache.free(cache.alloc());
    cache.shrink();
    expect(new Set(codes)).toEqual(new Set(["MUST_NOT_BLOCK"]));
    expectClean(heap);
    const other = Heap.attach(heap.handle);
    heap.addShrinker({ name: "other", count: () => (other.slot >= 0 ? 0 : 0), scan: () => 0 });
    other.detach();
    cache.destroy();
  });

  it.each([
    ["a DebugHeap", (report: () => void) => DebugHeap.create({ sizeBytes: 4 * MIB, debug: "FZP", report })],
    ["a SampledHeap", (report: () => void) => SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, report })],
  ])("stays, in a report, and frees are told apart: %s", (_, create) => {
    const codes: string[] = [];
    const heap = create(() => {
      codes.push(codeOf(() => heap.detach()));
      if (codes.length === 1) heap.free(block);
    });
    const block = heap.alloc(40);
    new Uint8Array(heap.buffer)[block + 40] ^= 1;
    expect(codeOf(() => heap.free(block))).toBe("DOUBLE_FREE");
    expect(codes[0]).toBe("MUST_NOT_BLOCK");
    expectClean(heap);
    heap.detach();
  });
});

describe("a repair", () => {
  it("is refused where a slab is half made, and changes nothing", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const codes: string[] = [];
    const repair = (): void => void codes.push(codeOf(() => repairHeap(heap)));
    const cache = heap.createCache({ name: "fixers", sizeBytes: 2000, construct: repair, destruct: repair });
    cache.free(cache.alloc());
    cache.shrink();
    expect(new Set(codes)).toEqual(new Set(["MUST_NOT_BLOCK"]));
    expectClean(heap);
    expect(repairHeap(heap).isRepaired).toBe(true);
  });
});

describe("memory that a function of the user's transfers away", () => {
  it.each(["construct", "destruct"] as const)("is said to be gone: %s", (name) => {
    const memory = new ArrayBuffer(MIB);
    const heap = LocalHeap.create({ memory });
    const cache = heap.createCache({ name: "movers", sizeBytes: 64, [name]: () => void memory.transfer?.() });
    const call = (): void => {
      cache.free(cache.alloc());
      cache.shrink();
    };
    expect(codeOf(call)).toBe("DETACHED");
  });

  it("is said to be gone: a shrinker", () => {
    const memory = new ArrayBuffer(MIB);
    const heap = LocalHeap.create({ memory });
    filled(heap, 1000);
    heap.addShrinker({ name: "mover", count: () => 1, scan: () => Number(memory.transfer?.().byteLength) * 0 });
    expect(codeOf(() => heap.alloc(1000))).toBe("DETACHED");
  });
});

describe("a realloc whose old block cannot be freed", () => {
  it("leaves the old block and no other, where a heap panics", () => {
    for (const heap of [
      DebugHeap.create({ sizeBytes: 4 * MIB, debug: "FZP", panic: true, report: () => {} }),
      SampledHeap.create({ sizeBytes: 4 * MIB, sampleEvery: 1, panic: true, report: () => {} }),
    ]) {
      const block = heap.alloc(40);
      new Uint8Array(heap.buffer)[block + 40] ^= 1;
      expect(codeOf(() => heap.realloc(block, 400))).toBe("CORRUPTION");
      expect([...blocksOf(heap)].map(({ address }) => address)).toEqual([block]);
    }
  });

  it("frees the new block, where a shrinker has freed the old one", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const block = heap.alloc(100);
    const others = filled(heap, 1000);
    let isDone = false;
    heap.addShrinker({
      name: "thief",
      count: () => (isDone ? 0 : 1),
      scan: () => {
        isDone = true;
        heap.free(block);
        for (const other of others.splice(0, 40)) heap.free(other);
        return 1;
      },
    });
    const before = heapStats(heap).liveBlocks;
    expect(codeOf(() => heap.realloc(block, 1000))).toMatch(/^(?:DOUBLE|INVALID)_FREE$/);
    expect(heapStats(heap).liveBlocks).toBe(before - 41);
    expectClean(heap);
  });
});

describe("a cache whose destructors allocate", () => {
  it("says how many pages it has released, not how many are free", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const destruct = (): void => void heap.alloc(9000);
    const cache = heap.createCache({ name: "hoarders", sizeBytes: 500, destruct });
    cache.free(cache.alloc());
    expect(cache.shrink()).toBe(1);
  });
});

describe("an array of a class that is none", () => {
  it("is refused, and nothing stays allocated", () => {
    class Elsewhere extends Uint8Array {
      constructor() {
        super(8);
      }
    }
    const heap = Heap.create({ sizeBytes: MIB });
    const before = heapStats(heap).liveBlocks;
    expect(codeOf(() => allocArray(heap, Elsewhere as never, 8))).toBe("BAD_ARGUMENT");
    expect(heapStats(heap).liveBlocks).toBe(before);
  });
});
