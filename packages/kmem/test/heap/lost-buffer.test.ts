import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import {
  blockAt,
  blocksOf,
  checkHeap,
  dumpHeap,
  Heap,
  heapStats,
  loadDump,
  ownerOf,
  reapSlot,
  repairHeap,
  slotStats,
  transferBlock,
} from "../../src/index.ts";
import { linux } from "../../src/kernels/linux/linux.ts";
import { mykernel } from "../../src/kernels/mykernel/mykernel.ts";
import { Nodes } from "../../src/nodes/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

type Lose = (buffer: ArrayBuffer) => void;

const WAYS: readonly (readonly [string, Lose, RegExp])[] = [
  [
    "transferred away",
    (buffer) => structuredClone(buffer, { transfer: [buffer] }),
    /^the buffer is detached: it was tr/,
  ],
  [
    "made shorter",
    (buffer) => buffer.resize(MIB / 4),
    /^the buffer was made shorter: it had 1048576 bytes when .* 262144/,
  ],
  ["made as short as can be", (buffer) => buffer.resize(0), /^the buffer was made shorter: it had 1048576 bytes/],
];

const CLASSES = [
  ["Heap", Heap],
  ["DebugHeap", DebugHeap],
  ["SampledHeap", SampledHeap],
] as const;

function resizable(): ArrayBuffer {
  return new ArrayBuffer(MIB, { maxByteLength: 16 * MIB });
}

describe.each(WAYS)("a buffer that was %s", (_name, lose, text) => {
  it.each(CLASSES)("is named by every call of a %s", async (_class, HeapClass) => {
    const memory = resizable();
    const heap = HeapClass.create({ memory });
    const cache = heap.createCache({ name: "objects", sizeBytes: 100 });
    const [block, large, object, page] = [heap.alloc(100), heap.alloc(90_000), cache.alloc(), heap.pages.alloc(1)];
    const { alloc, free, tryAlloc } = heap;
    lose(memory);
    const calls: Record<string, () => unknown> = {
      alloc: () => heap.alloc(100),
      "a large alloc": () => heap.alloc(100_000),
      "alloc taken off": () => alloc(100),
      tryAlloc: () => heap.tryAlloc(100),
      "tryAlloc taken off": () => tryAlloc(100_000),
      free: () => heap.free(block),
      "free taken off": () => free(block),
      "free of a large block": () => heap.free(large),
      allocWait: () => heap.allocWait(100),
      calloc: () => heap.calloc(10, 10),
      realloc: () => heap.realloc(block, 5000),
      alignedAlloc: () => heap.alignedAlloc(64, 100),
      usableSize: () => heap.usableSize(block),
      blockAt: () => blockAt(heap, block),
      blocks: () => [...blocksOf(heap)],
      createCache: () => heap.createCache({ name: "others", sizeBytes: 10 }),
      openCache: () => heap.openCache("objects"),
      stats: () => heapStats(heap),
      footprintBytes: () => heap.footprintBytes,
      trim: () => heap.trim(),
      dump: () => dumpHeap(heap),
      u8: () => heap.u8(block),
      view: () => heap.view(Uint8Array, block, 10),
      addShrinker: () => heap.addShrinker({ name: "none", count: () => 0, scan: () => 0 }),
      repair: () => repairHeap(heap),
      handle: () => heap.handle,
      reserve: () => heap.reserve(),
      reap: () => reapSlot(heap, 1),
      owner: () => ownerOf(heap, block),
      transfer: () => transferBlock(heap, block, 0),
      slotStats: () => slotStats(heap),
      "pages.alloc": () => heap.pages.alloc(1),
      "pages.allocWait": () => heap.pages.allocWait(1),
      "pages.free": () => heap.pages.free(page, 1),
      "pages.stats": () => heap.pages.stats(),
      "cache.alloc": () => cache.alloc(),
      "cache.tryAlloc": () => cache.tryAlloc(),
      "cache.free": () => cache.free(object),
      "cache.shrink": () => cache.shrink(),
      "cache.stats": () => cache.stats(),
      "cache.destroy": () => cache.destroy(),
      detach: () => heap.detach(),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = thrownBy(call);
      expect(error.code, name).toBe("DETACHED");
      expect(error.message, name).toMatch(text);
    }
    await expect(heap.allocAsync(100)).rejects.toThrow(text);
    const { isClean, findings } = checkHeap(heap);
    expect(isClean).toBe(false);
    expect(findings).toEqual([{ layer: "header", address: 0, problem: expect.stringMatching(text) }]);
  });

  it("is named by the faces", () => {
    const [one, two, three] = [resizable(), resizable(), resizable()];
    const kernel = linux(Heap.create({ memory: one }));
    const mine = mykernel(Heap.create({ memory: two }));
    const nodes = Nodes.create({ nodes: [{ memory: three }] });
    for (const memory of [one, two, three]) lose(memory);
    for (const call of [
      () => kernel.kmalloc(100, 0),
      () => mine.kmalloc(100, 0),
      () => nodes.alloc(100),
      () => nodes.stats(),
      () => nodes.check(),
    ]) {
      expect(thrownBy(call).message).toMatch(text);
    }
  });

  it("is named by whoever comes to it", () => {
    const memory = resizable();
    Heap.create({ memory });
    lose(memory);
    expect(thrownBy(() => Heap.attach(memory)).message).toMatch(/detached|262144 bytes|0 bytes/);
  });
});

describe("a buffer that is made longer", () => {
  it.each(["ArrayBuffer", "SharedArrayBuffer"])("does no harm as an %s", (kind) => {
    const shared = new SharedArrayBuffer(MIB, { maxByteLength: 16 * MIB });
    const plain = resizable();
    const heap = Heap.create({ memory: kind === "ArrayBuffer" ? plain : shared });
    const block = heap.alloc(100);
    if (kind === "ArrayBuffer") plain.resize(8 * MIB);
    else shared.grow(8 * MIB);
    heap.free(block);
    while (heap.tryAlloc(10_000) !== 0);
    expect(heapStats(heap).endAddress).toBe(MIB);
    expectClean(heap);
    expectClean(loadDump(dumpHeap(heap)));
    if (kind === "ArrayBuffer") plain.resize(MIB);
    expectClean(heap);
    expectClean(Heap.attach(heap.source));
  });
});
