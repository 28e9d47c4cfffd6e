// The Linux face in several threads: first bindings at once, and blocks, objects, pages, areas and elements of mempools
// that one thread allocates and another frees.
import { describe, expect, it } from "vitest";
import { Heap, type HeapOptions, heapStats } from "../../../src/index.ts";
import { type Linux, LogRing, linux } from "../../../src/kernels/linux/linux.ts";
import { mykernel } from "../../../src/kernels/mykernel/mykernel.ts";
import { FrameRecord, OwnerMark } from "../../../src/layout.ts";
import { expectBytesAddUp } from "../../support/expectations.ts";
import { Peek } from "../../support/peek.ts";
import { inTwoThreads, MAILBOX_CAPACITY, type TradeResult } from "../../support/trade.ts";
import { MIB } from "./support.ts";
import { ELEMENT_BYTES, OBJECT_BYTES, type Traded } from "./trades.ts";

const WORKER = new URL("./threads-worker.ts", import.meta.url);

type Result = TradeResult & { readonly messages: readonly string[] };

function anchors(heap: Heap): number[] {
  const peek = new Peek(heap);
  const frames = Array.from({ length: peek.endFrame - peek.firstPageFrame }, (_, index) => peek.firstPageFrame + index);
  return frames.filter((frame) => peek.frame(frame, FrameRecord.SLAB_OR_OWNER) === OwnerMark.LINUX_ANCHOR);
}

function prepare(calls: Linux): Traded {
  const cachep = calls.kmem_cache_create("traded", OBJECT_BYTES, 0, 0, null, null);
  const elements = calls.kmem_cache_create("elements", ELEMENT_BYTES, 0, 0, null, null);
  const slabPool = calls.mempool_create_slab_pool(4, elements);
  const kmallocPool = calls.mempool_create_kmalloc_pool(4, ELEMENT_BYTES);
  return { cachep, elements, slabPool, kmallocPool };
}

/** Ends all that {@link prepare} has made; nothing may be left of what was traded. */
function cleanUp(calls: Linux, { cachep, elements, slabPool, kmallocPool }: Traded): void {
  calls.mempool_destroy(slabPool);
  calls.mempool_destroy(kmallocPool);
  expect([calls.kmem_cache_destroy(cachep), calls.kmem_cache_destroy(elements)]).toEqual([0, 0]);
  calls.heap.trim();
}

async function tradeOn(
  options: HeapOptions,
  operations: number,
  heldCount?: number,
): Promise<{ calls: Linux; results: readonly Result[] }> {
  const heap = Heap.create(options);
  const log = new LogRing();
  const calls = linux(heap, log);
  const traded = prepare(calls);
  const orders = { name: "trade", handle: heap.handle, traded };
  const results = await inTwoThreads<Result>(WORKER, (trade) => ({ ...orders, trade }), operations, heldCount);
  for (const { taken, foreign } of results) {
    expect(taken).toBeGreaterThan(operations / 4);
    expect(foreign).toBeGreaterThanOrEqual(MAILBOX_CAPACITY);
  }
  cleanUp(calls, traded);
  expect(log.messages()).toEqual([]);
  expect(calls.check().findings).toEqual([]);
  expectBytesAddUp(heap);
  expect(calls.vm.stats()).toMatchObject({ areaCount: 0, mappedPages: 0, framePages: 0, tablePages: 0 });
  return { calls, results };
}

/** The heap has what the same heap has that was bound and never traded in, but for the records of areas. */
function expectInitialState(calls: Linux, options: HeapOptions): void {
  const control = linux(Heap.create(options), new LogRing());
  cleanUp(control, prepare(control));
  const recordBytes = (calls.vm.stats().recordPages - control.vm.stats().recordPages) * 4096;
  const { vmallocBytes, freePageBytes, ...bytes } = heapStats(control.heap).bytes;
  expect(heapStats(calls.heap).bytes).toEqual({
    ...bytes,
    vmallocBytes: vmallocBytes + recordBytes,
    freePageBytes: freePageBytes - recordBytes,
  });
  expect(heapStats(calls.heap).heldSlots).toBe(1);
}

describe("Linux in two threads", () => {
  it("makes one anchor, one virtual memory and one page of buckets, though both bind first", async () => {
    const heaps = Array.from({ length: 40 }, () => Heap.create({ sizeBytes: MIB }));
    const handles = heaps.map((heap) => heap.handle);
    const messages = await inTwoThreads<readonly string[]>(WORKER, (trade) => ({ name: "bind", handles, trade }));
    expect(messages).toEqual([[], []]);
    for (const heap of heaps) {
      expect(anchors(heap)).toHaveLength(1);
      expect(linux(heap, new LogRing()).check().findings).toEqual([]);
      expect(mykernel(heap, new LogRing()).check().findings).toEqual([]);
    }
  });

  it("trades all there is in a heap with room for it, and in the end everything is as it was", async () => {
    const options = { sizeBytes: 32 * MIB };
    const { calls, results } = await tradeOn(options, 8000);
    expect(results.flatMap(({ messages }) => messages)).toEqual([]);
    expectInitialState(calls, options);
  });

  it("trades in a heap that is short of memory, where callers get NULL, and everything is as it was", async () => {
    const options = { sizeBytes: 1.25 * MIB };
    const { calls, results } = await tradeOn(options, 3000, 300);
    const failures = [
      /^Couldn't get a free page\.{5}$/,
      /^__alloc_pages: \d-order allocation failed\.$/,
      /^vmalloc error: size \d+, failed to allocate pages$/,
    ];
    const messages = results.flatMap((result) => result.messages);
    expect(messages.length).toBeGreaterThan(0);
    expect(messages.filter((message) => !failures.some((failure) => failure.test(message)))).toEqual([]);
    expectInitialState(calls, options);
  });

  it("trades while the memory grows: a thread sees what lies in pages that the other has added", async () => {
    const { calls, results } = await tradeOn({ sizeBytes: 3 * MIB, maximumBytes: 64 * MIB }, 5000);
    expect(calls.heap.buffer.byteLength).toBeGreaterThan(3 * MIB);
    expect(results.flatMap(({ messages }) => messages)).toEqual([]);
  });

  it("shares a mempool that has only its reserve: no element is two threads', and who finds none waits", async () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    const calls = linux(heap, new LogRing());
    const elements = [1, 2, 3];
    const given: number[] = [];
    const give = (element: number): number => given.push(element);
    let next = 0;
    const pool = calls.mempool_create(elements.length, () => elements[next++] ?? 0, give, 0);
    const orders = {
      name: "share",
      handle: heap.handle,
      share: { pool, owned: new SharedArrayBuffer(8), rounds: 5000 },
    };
    const rounds = await inTwoThreads<number>(WORKER, (trade) => ({ ...orders, trade }));
    expect(rounds).toEqual([5000, 5000]);
    calls.mempool_destroy(pool);
    expect(given.sort()).toEqual(elements);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expect(calls.check().findings).toEqual([]);
  });
});
