// My Kernel in several threads: one lock around the buckets, and blocks that one thread allocates and another frees.
import { describe, expect, it } from "vitest";
import { Heap, type HeapOptions, heapStats } from "../../../src/index.ts";
import { LogRing, type MyKernel, mykernel } from "../../../src/kernels/mykernel/mykernel.ts";
import { expectBytesAddUp } from "../../support/expectations.ts";
import { inTwoThreads, MAILBOX_CAPACITY, type TradeResult } from "../../support/trade.ts";

const MIB = 1024 * 1024;
const WORKER = new URL("./threads-worker.ts", import.meta.url);

type Result = TradeResult & { readonly messages: readonly string[] };

/** Lets two threads trade blocks of a heap, which neither they nor this one has bound before. */
async function tradeOn(heap: Heap, operations: number, maximumBytes: number): Promise<MyKernel> {
  const orders = { handle: heap.handle, maximumBytes };
  const results = await inTwoThreads<Result>(WORKER, (trade) => ({ ...orders, trade }), operations);
  for (const { taken, foreign, messages } of results) {
    expect(messages).toEqual([]);
    expect(taken).toBeGreaterThan(operations / 2);
    expect(foreign).toBeGreaterThanOrEqual(MAILBOX_CAPACITY);
  }
  return mykernel(heap, new LogRing());
}

/** The heap has nothing but the buckets' own page, as one that was bound and never used. */
function expectInitialState(kernel: MyKernel, options: HeapOptions): void {
  const { heap } = kernel;
  expect(kernel.stats()).toEqual({ buckets: 0, liveBlocks: 0, dmaBuffers: 0, dmaPages: 0 });
  heap.trim();
  expect(kernel.check().findings).toEqual([]);
  expectBytesAddUp(heap);
  const fresh = mykernel(Heap.create(options), new LogRing()).heap;
  expect(heapStats(heap).heldSlots).toBe(1);
  expect(heapStats(heap).bytes.bucketBytes).toBe(heapStats(fresh).bytes.bucketBytes);
  if (options.maximumBytes !== undefined) return;
  expect(heapStats(heap).bytes).toEqual(heapStats(fresh).bytes);
  const freePages = (of: Heap): number[] => of.pages.stats().map((zone) => zone.freePages);
  expect(freePages(heap)).toEqual(freePages(fresh));
}

describe("My Kernel in two threads", () => {
  it.each<[string, HeapOptions]>([
    ["in a heap with room for all", { sizeBytes: 16 * MIB }],
    ["in a heap that is short of memory", { sizeBytes: 2 * MIB }],
    ["in a heap with a DMA zone", { sizeBytes: 16 * MIB, dmaBytes: 4 * MIB }],
  ])("trades blocks %s, and in the end everything is as it was", async (_name, options) => {
    const kernel = await tradeOn(Heap.create(options), 8000, 40_000);
    expectInitialState(kernel, options);
  });

  it("trades blocks while the memory grows: a thread sees buckets in pages that the other has added", async () => {
    const options = { sizeBytes: 2 * MIB, maximumBytes: 64 * MIB };
    const heap = Heap.create(options);
    const kernel = await tradeOn(heap, 10_000, 100_000);
    expect(heap.buffer.byteLength).toBeGreaterThan(2 * MIB);
    expectInitialState(kernel, options);
  });

  it("throws DETACHED from every call once its heap is detached", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const kernel = mykernel(heap, new LogRing());
    const ptr = kernel.kmalloc(100, 0);
    heap.detach();
    const calls = [
      () => kernel.kmalloc(100, 0),
      () => kernel.kcalloc(1, 100, 0),
      () => kernel.kfree(ptr),
      () => kernel.krealloc(ptr, 10, 0),
      () => kernel.kmalloc_dma(100),
      () => kernel.kfree_dma(4096),
      () => kernel.ksize(ptr),
      () => kernel.stats(),
      () => [...kernel.blocks()],
      () => kernel.check(),
    ];
    for (const call of calls) expect(call).toThrow("this heap was detached");
  });
});
