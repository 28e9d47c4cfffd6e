import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, Heap, OutOfMemoryError } from "../../src/index.ts";
import { Header } from "../../src/layout.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";
import { useTestClock } from "../support/test-clock.ts";
import type { WaitAnswer, WaitWork } from "./wait-worker.ts";

/** Longer than any test takes: such a wait ends by what the test does. */
const PATIENT_MS = 3_600_000;

let heap: Heap;
let other: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 2 * MIB });
  other = Heap.attach(heap.reserve());
});

/** Takes all there is in blocks of one size. */
function fill(from: Heap, sizeBytes: number): number[] {
  const blocks: number[] = [];
  for (;;) {
    const block = from.tryAlloc(sizeBytes);
    if (block === 0) return blocks;
    blocks.push(block);
  }
}

/** Slots that wait; there are few, and their bits are in the first word of the set. */
const waiters = (): number => new Peek(heap).header(Header.WAITERS).toString(2).replaceAll("0", "").length;

describe("allocAsync", () => {
  it("answers at once while there is memory", async () => {
    const block = await heap.allocAsync(100);
    heap.free(block);
    expectClean(heap);
  });

  it.each([16, 1000, 30_000, 100_000])("waits for %d bytes that another slot frees", async (sizeBytes) => {
    // The reserve is for others than those who wait: a page of it that is left unused must be left over.
    const page = heap.pages.alloc(1);
    const blocks = fill(heap, sizeBytes);
    heap.pages.free(page, 1);
    const promise = other.allocAsync(sizeBytes, { timeoutMs: PATIENT_MS });
    await delay(25);
    expect(waiters()).toBe(1);
    const block = blocks.pop() as number;
    heap.free(block);
    const got = await promise;
    expect(blockAt(heap, got)).toMatchObject({ live: true, slot: other.slot });
    expect(waiters()).toBe(0);
    expectClean(heap);
  });

  it("waits for what its own thread frees, also in memory that is not shared", async () => {
    heap = Heap.create({ sizeBytes: MIB, shared: false });
    const blocks = fill(heap, 1000);
    const promise = heap.allocAsync(1000, { timeoutMs: PATIENT_MS });
    heap.free(blocks.pop() as number);
    expect(await promise).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("ends with OUT_OF_MEMORY at its timeout and with the reason of its signal", async () => {
    fill(heap, 1000);
    const startMs = Date.now();
    await expect(other.allocAsync(1000, { timeoutMs: 40 })).rejects.toBeInstanceOf(OutOfMemoryError);
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(40);
    const controller = new AbortController();
    const promise = other.allocAsync(1000, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(promise).rejects.toThrow("enough");
    await expect(other.allocAsync(1, { signal: AbortSignal.abort(new Error("never")) })).rejects.toThrow("never");
    await expect(other.allocAsync(1, { timeoutMs: -1 })).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
    expect(waiters()).toBe(0);
    expectClean(heap);
  });

  it("serves those who wait in their order, of one thread and of several", async () => {
    const third = Heap.attach(heap.reserve());
    const blocks = fill(heap, 1000);
    const order: string[] = [];
    const wait = async (name: string, from: Heap): Promise<void> => {
      await from.allocAsync(1000, { timeoutMs: PATIENT_MS });
      order.push(name);
    };
    const waits = [wait("a", other), wait("b", third), wait("c", other), wait("d", third)];
    await delay(20);
    for (let freed = 1; freed <= waits.length; freed++) {
      heap.free(blocks.pop() as number);
      while (order.length < freed) await delay(1);
    }
    await Promise.all(waits);
    expect(order).toEqual(["a", "b", "c", "d"]);
    expectClean(heap);
  });

  it("lets the thread's timers run while others free all the time", async () => {
    const blocks = fill(heap, 1000);
    // Too few, and too far apart, for what is waited for.
    const freed = blocks.filter((_, index) => index % 8 === 0);
    const end = new AbortController();
    const promise = other.allocAsync(100_000, { signal: end.signal });
    let ticks = 0;
    const ticking = setInterval(() => {
      const block = freed.pop();
      if (block === undefined) end.abort(new Error("enough ticks"));
      else heap.free(block);
      ticks++;
    }, 1);
    await expect(promise).rejects.toThrow("enough ticks");
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(100);
    expectClean(heap);
  });

  it("makes other slots give back what their sheaves hold", async () => {
    const blocks = fill(heap, 1000);
    // All of these stay in the sheaf of the other slot, until somebody waits.
    for (const block of blocks.splice(-12)) other.free(block);
    const promise = heap.allocAsync(4000, { timeoutMs: PATIENT_MS });
    await delay(25);
    other.free(blocks.pop() as number);
    expect(await promise).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("has other slots run their shrinkers", async () => {
    const blocks = fill(heap, 1000);
    const kept = blocks.splice(-12);
    other.addShrinker({
      name: "kept",
      count: () => kept.length,
      scan: (objects) => {
        for (const block of kept.splice(-objects)) other.free(block);
        return objects;
      },
    });
    const promise = heap.allocAsync(4000, { timeoutMs: PATIENT_MS });
    await delay(25);
    other.free(blocks.pop() as number);
    expect(await promise).toBeGreaterThan(0);
    expect(kept).toEqual([]);
    expectClean(heap);
  });
});

describe("allocWait", () => {
  it("does not wait where no other thread is attached", () => {
    other.detach();
    fill(heap, 1000);
    const clock = useTestClock();
    expect(thrownBy(() => heap.allocWait(1000)).code).toBe("OUT_OF_MEMORY");
    expect(clock.sleeps).toBe(0);
    expect(thrownBy(() => heap.allocWait(-1)).code).toBe("BAD_SIZE");
    expect(() => heap.allocWait(10, { signal: AbortSignal.abort(new Error("never")) })).toThrow("never");
  });

  it("ends at its timeout while nobody frees", () => {
    fill(heap, 1000);
    const clock = useTestClock();
    const startMs = clock.ms;
    expect(thrownBy(() => other.allocWait(1000, { timeoutMs: 60 })).code).toBe("OUT_OF_MEMORY");
    expect(clock.ms - startMs).toBe(60);
    expect(waiters()).toBe(0);
    expectClean(heap);
  });

  it("sleeps in a thread of its own until another one frees", async () => {
    const workerData: WaitWork = { handle: heap.handle, sizeBytes: 1000, rounds: 50 };
    const worker = new Worker(new URL("./wait-worker.ts", import.meta.url), { workerData });
    // It may end before the last answer has been looked at.
    const ended = once(worker, "exit");
    await once(worker, "message");
    const blocks = fill(heap, 1000);
    worker.postMessage("begin");
    const answers: WaitAnswer[] = [];
    worker.on("message", (answer: WaitAnswer) => answers.push(answer));
    for (let round = 1; round <= 50; round++) {
      heap.free(blocks.pop() as number);
      while (answers.length < round) await delay(1);
    }
    await ended;
    expect(answers.every(({ address }) => blockAt(heap, address)?.live)).toBe(true);
    expect(new Set(answers.map(({ address }) => address)).size).toBe(50);
    for (const { address } of answers) heap.free(address);
    expectClean(heap);
  });
});
