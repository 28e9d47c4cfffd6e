import { describe, expect, it } from "vitest";
import {
  blockAt,
  blocksOf,
  checkHeap,
  dumpHeap,
  Heap,
  heapStats,
  KmemError,
  LocalHeap,
  type LocalHeapOptions,
  loadDump,
  ownerOf,
  repairHeap,
  slotStats,
} from "../../src/index.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Random } from "../support/random.ts";

const OPERATIONS = 4000;

/** Random allocs and frees; returns the blocks that are live at the end. */
function work(heap: LocalHeap, seed: number): number[] {
  const random = new Random(seed);
  const live: number[] = [];
  for (let operation = 0; operation < OPERATIONS; operation++) {
    const address = random.below(3) > 0 ? heap.tryAlloc(random.size(60_000)) : 0;
    if (address !== 0) live.push(address);
    else heap.free(live.splice(random.below(live.length + 1), 1)[0] ?? 0);
  }
  return live;
}

describe("a heap of one thread", () => {
  const kinds: readonly (readonly [string, LocalHeapOptions])[] = [
    ["an ArrayBuffer", { sizeBytes: 2 * MIB }],
    ["a WebAssembly.Memory that grows", { sizeBytes: MIB, maximumBytes: 8 * MIB }],
    ["part of a buffer, with a DMA zone", { memory: new ArrayBuffer(4 * MIB), start: 8192, dmaBytes: 64 * 4096 }],
  ];

  it.each(kinds)("is sound whatever it does, in %s", (_name, options) => {
    const heap = LocalHeap.create(options);
    const before = heapStats(heap).bytes;
    const live = work(heap, 7);
    expect(checkHeap(heap)).toEqual({ isClean: true, findings: [] });
    expect([...blocksOf(heap)].map(({ address }) => address)).toEqual([...live].sort((one, other) => one - other));
    for (const address of live) heap.free(address);
    heap.trim();
    // Tables that move have become longer.
    const { totalBytes, freePageBytes, metadataBytes, ...after } = heapStats(heap).bytes;
    expect(before).toMatchObject(after);
    const usedBefore = before.totalBytes - before.freePageBytes - before.metadataBytes;
    expect(totalBytes - freePageBytes - metadataBytes).toBe(usedBefore);
  });

  it("has caches with functions, and pages", () => {
    const heap = LocalHeap.create({ sizeBytes: MIB });
    const constructed: number[] = [];
    const cache = heap.createCache({
      name: "objects",
      sizeBytes: 72,
      construct: (address) => constructed.push(address),
      destruct: (address) => constructed.splice(constructed.indexOf(address), 1),
    });
    const object = cache.alloc();
    expect(constructed).toContain(object);
    const other = cache.allocWait({ timeoutMs: 0 });
    expect(thrownBy(() => cache.free(other + 16)).code).toBe("INVALID_FREE");
    expect(thrownBy(() => cache.allocWait({ timeoutMs: -1 })).code).toBe("BAD_ARGUMENT");
    expect(cache.stats()).toMatchObject({ liveBlocks: 2, barnBlocks: 0 });
    expect(thrownBy(() => cache.destroy()).code).toBe("CACHE_BUSY");
    for (const address of [object, other]) cache.free(address);
    cache.destroy();
    expect(constructed).toEqual([]);
    const pages = heap.pages.alloc(5);
    heap.pages.free(pages, 5);
    expect(heap.pages.allocWait(3)).toBeGreaterThan(0);
    expect(thrownBy(() => heap.pages.allocWait(3000)).code).toBe("OUT_OF_MEMORY");
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("refuses what is no block, and says what is known of it", () => {
    const heap = LocalHeap.create({ sizeBytes: MIB });
    const block = heap.alloc(100);
    expect(thrownBy(() => heap.free(block + 16))).toMatchObject({ code: "INVALID_FREE" });
    heap.free(block);
    expect(thrownBy(() => heap.free(block))).toMatchObject({ code: "DOUBLE_FREE" });
    expect(blockAt(heap, block)).toMatchObject({ address: block, live: false });
  });

  it("is looked at and repaired as any other", () => {
    const heap = LocalHeap.create({ sizeBytes: MIB });
    const block = heap.alloc(40_000);
    expect(ownerOf(heap, block)).toBe(0);
    expect(slotStats(heap)).toMatchObject([{ slot: 0, state: "held", liveBlocks: 1 }]);
    new Uint8Array(heap.buffer).fill(0xff, 4 * 4096, 4 * 4096 + 64);
    expect(repairHeap(heap).remaining).toEqual([]);
    expect(checkHeap(heap).isClean).toBe(true);
    expect(blockAt(heap, block)?.live).toBe(true);
  });

  it("leaves dumps and memory that a Heap opens", () => {
    const heap = LocalHeap.create({ sizeBytes: MIB });
    const block = heap.alloc(100);
    heap.u8(block).fill(7);
    const copy = loadDump(dumpHeap(heap));
    expect(copy.u8(block)[99]).toBe(7);
    expect(checkHeap(copy).findings).toEqual([]);
    heap.detach();
    expect(thrownBy(() => heap.alloc(1)).code).toBe("DETACHED");
    const again = Heap.attach(heap.source);
    expect(again.u8(block)[99]).toBe(7);
    expect(checkHeap(again).findings).toEqual([]);
  });

  it("is not for shared memory, and has no options about threads", () => {
    const refused: readonly object[] = [
      { memory: new SharedArrayBuffer(MIB) },
      { shared: true },
      { slotCount: 2 },
      { exactFrees: true },
    ];
    for (const options of refused) {
      expect(thrownBy(() => LocalHeap.create(options as LocalHeapOptions)).code).toBe("BAD_ARGUMENT");
    }
    const Made = LocalHeap as unknown as new (attachment: object) => LocalHeap;
    expect(() => new Made({})).toThrow(KmemError);
  });

  it("keeps a Heap out of its memory while it has it", () => {
    const heap = LocalHeap.create({ sizeBytes: MIB });
    expect(thrownBy(() => Heap.attach(heap.source)).code).toBe("NO_SLOT");
  });
});
