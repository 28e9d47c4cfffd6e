import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, it } from "vitest";
import { GFP_KERNEL } from "../../src/gfp/flags.ts";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats, OutOfMemoryError, ownerOf, reapSlot } from "../../src/index.ts";
import { linux } from "../../src/kernels/linux/linux.ts";
import { Header, SlotRecord } from "../../src/layout.ts";
import { headerWord } from "../../src/memory/header.ts";
import { SlotSet } from "../../src/sync/slot-set.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import type { DeadWaiterWork } from "./dead-waiter-worker.ts";

/** Far more than it ever takes: who is passed over is so at once. */
const timeoutMs = 50_000;

let heap: Heap;
let held: number[];

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
  held = [];
});

/** Fills the heap but for what the private pages of the threads to come take. */
function fill(): void {
  for (let block = heap.tryAlloc(65_536); block !== 0; block = heap.tryAlloc(65_536)) held.push(block);
  freeSome(1);
}

function freeSome(count = 20): void {
  for (const block of held.splice(-count)) heap.free(block);
}

const words = () => layersOf(heap).memory.words;
const ticketWord = (slot: number): number => layersOf(heap).slots.word(slot, SlotRecord.TICKET);
const waiting = (): SlotSet => {
  const { memory, geometry, slots } = layersOf(heap);
  return new SlotSet(memory, headerWord(geometry, Header.WAITERS), slots.count);
};

/** A thread that stands in the queue and is then ended; nobody watches it. */
async function deadWaiter(isAsync = false): Promise<number> {
  const workerData: DeadWaiterWork = { handle: heap.handle, isAsync };
  const worker = new Worker(new URL("./dead-waiter-worker.ts", import.meta.url), { workerData });
  const [slot] = (await once(worker, "message")) as [number];
  while (Atomics.load(words(), ticketWord(slot)) === 0) await delay(2);
  await worker.terminate();
  return slot;
}

describe("waiters that are gone, and that nobody has watched,", () => {
  it.each([
    [1, false],
    [1, true],
    [3, false],
  ])("are passed over: %d of them, asynchronous: %s", async (count, isAsync) => {
    fill();
    const slots: number[] = [];
    for (let index = 0; index < count; index++) slots.push(await deadWaiter(isAsync));
    freeSome();
    expect(heap.allocWait(100, { timeoutMs })).toBeGreaterThan(0);
    expect(await heap.allocAsync(100, { timeoutMs })).toBeGreaterThan(0);
    expect(heap.pages.allocWait(1, { timeoutMs })).toBeGreaterThan(0);
    expect(heap.createCache({ name: "objects", sizeBytes: 64 }).allocWait({ timeoutMs })).toBeGreaterThan(0);
    expect(slots.map((slot) => [layersOf(heap).slots.isDead(slot), waiting().has(slot)])).toEqual(
      slots.map(() => [true, false]),
    );
    for (const slot of slots) reapSlot(heap, slot, { blocks: "free" });
    expectClean(heap);
  });

  it("do not keep kernels waiting either", async () => {
    const kernel = linux(heap, { print: () => {} });
    fill();
    const slot = await deadWaiter();
    freeSome();
    expect(kernel.kmalloc(100_000, GFP_KERNEL)).toBeGreaterThan(0);
    reapSlot(heap, slot);
  });

  it("leave the queue while nobody else waits: memory does not count as short for ever", async () => {
    fill();
    const slot = await deadWaiter();
    freeSome();
    expect(layersOf(heap).sync.waiters.hasWaiters).toBe(true);
    for (let calls = 0; calls < 1000; calls++) heap.free(heap.alloc(1000));
    expect(layersOf(heap).sync.waiters.hasWaiters).toBe(false);
    reapSlot(heap, slot);
    expectClean(heap);
  });

  it("do not count as company: who is left alone does not wait for ever", async () => {
    fill();
    await deadWaiter();
    expect(thrownBy(() => heap.allocWait(300_000))).toBeInstanceOf(OutOfMemoryError);
  });
});

describe("a slot in the queue", () => {
  /** A slot of this thread's that stands in the queue as the first. */
  async function first(): Promise<{ other: Heap; pending: Promise<unknown> }> {
    fill();
    const other = Heap.attach(heap.reserve());
    const pending = other.allocAsync(300_000, { timeoutMs }).catch((error: { code: string }) => error.code);
    while (words()[ticketWord(other.slot)] === 0) await delay(1);
    return { other, pending };
  }

  it("is passed over once it is marked dead, and the next thread in the slot has a place of its own", async () => {
    const { other, pending } = await first();
    const { slot } = other;
    layersOf(heap).slots.markDead(slot, layersOf(heap).slots.generation(slot));
    freeSome(1);
    heap.free(heap.allocWait(100, { timeoutMs }));
    expect(await pending).toBe("DETACHED");
    reapSlot(heap, slot, { blocks: "free" });
    const next = Heap.attach(heap.reserve());
    expect(next.slot).toBe(slot);
    const got = next.allocAsync(50_000, { timeoutMs });
    freeSome();
    expect(ownerOf(next, await got)).toBe(slot);
    expectClean(heap);
  });

  it("is passed over that died before it had its ticket, or of which a stray word says that it waits", async () => {
    const other = Heap.attach(heap.reserve());
    fill();
    waiting().add(other.slot);
    layersOf(heap).slots.markDead(other.slot, layersOf(heap).slots.generation(other.slot));
    // A ticket of a slot that is in no set, one of a slot that is free, and bits of slots that do not exist.
    const idle = Heap.attach(heap.reserve());
    for (const slot of [idle.slot, 40]) words()[ticketWord(slot)] = -5;
    waiting().add(40);
    freeSome();
    expect(heap.allocWait(100, { timeoutMs })).toBeGreaterThan(0);
    layersOf(heap).sync.waiters.sweep();
    expect(layersOf(heap).sync.waiters.hasWaiters).toBe(false);
  });

  it("that was taken for a dead one's comes back to the queue by itself", async () => {
    const { other, pending } = await first();
    words()[ticketWord(other.slot)] = 0;
    waiting().remove(other.slot);
    freeSome();
    expect(ownerOf(other, (await pending) as number)).toBe(other.slot);
  });

  it("leaves it with the thread that detaches while it waits", async () => {
    const { other, pending } = await first();
    other.detach();
    expect(await pending).toBe("DETACHED");
    expect(layersOf(heap).sync.waiters.hasWaiters).toBe(false);
    expectClean(heap);
  });
});

describe("what can never be had", () => {
  it.each([false, true])("is refused at once, with a DMA zone: %s", async (hasDma) => {
    heap = Heap.create({ sizeBytes: 2 * MIB, ...(hasDma ? { dmaBytes: MIB / 2 } : {}) });
    const other = Heap.attach(heap.reserve());
    const calls: (() => unknown)[] = [
      () => other.allocWait(2 ** 32 - 1),
      () => other.allocWait(2 * MIB),
      () => other.pages.allocWait(512),
      () => other.pages.allocWait(1, { alignmentBytes: 2 ** 31 }),
      () => other.pages.allocWait(hasDma ? 129 : 1, { dma: true }),
      () => other.pages.allocWait(2 ** 53),
    ];
    for (const call of calls) expect(thrownBy(call)).toBeInstanceOf(OutOfMemoryError);
    await expect(other.allocAsync(2 * MIB)).rejects.toBeInstanceOf(OutOfMemoryError);
    const { totalBytes, metadataBytes } = heapStats(heap).bytes;
    const allPages = (totalBytes - metadataBytes) / 4096;
    expect(thrownBy(() => other.pages.allocWait(allPages))).toBeInstanceOf(OutOfMemoryError);
    expect(layersOf(other).sync.waiters.hasWaiters).toBe(false);
    expectClean(heap);
  });

  it("is asked of a cache too, whose slabs are larger than the heap", () => {
    heap = Heap.create({ sizeBytes: 150 * 1024 });
    const cache = heap.createCache({ name: "large", sizeBytes: 131_072 });
    heap.reserve();
    expect(thrownBy(() => cache.allocWait())).toBeInstanceOf(OutOfMemoryError);
  });

  it("may be had once the memory has grown", () => {
    heap = Heap.create({ sizeBytes: MIB, maximumBytes: 8 * MIB });
    heap.reserve();
    expect(heap.allocWait(6 * MIB, { timeoutMs })).toBeGreaterThan(0);
  });
});
