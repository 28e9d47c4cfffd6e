import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, reapSlot } from "../../src/index.ts";
import { BEACON_WAITER_COUNT, Header, SlotRecord } from "../../src/layout.ts";
import { headerWord } from "../../src/memory/header.ts";
import type { WatchOrders } from "../heap/watch-worker.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { useTestClock } from "../support/test-clock.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
});

/** A thread that nobody watches, which has done what it was to do. */
async function start(end: WatchOrders["end"]) {
  const done = new Int32Array(new SharedArrayBuffer(8));
  const workerData: WatchOrders = { handle: heap.handle, end, done };
  const worker = new Worker(new URL("../heap/watch-worker.ts", import.meta.url), { workerData });
  const exit = new Promise((resolve) => worker.on("exit", resolve));
  while (Atomics.load(done, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  return { worker, exit, done };
}

const beacon = () => layersOf(heap).sync.beacon;
const waiters = () => layersOf(heap).memory.words[layersOf(heap).slots.word(1, SlotRecord.BEACON_WAITERS)];
const nap = new Int32Array(new SharedArrayBuffer(4));
/** Blocks this thread, so that no event reaches it. */
const sleep = (ms: number) => Atomics.wait(nap, 0, 0, ms);

describe("the life of a thread", () => {
  it("goes on while the thread is busy, and costs a waiter each time that it is asked about", async () => {
    const { worker, exit } = await start("hold");
    const clock = useTestClock();
    expect(waiters()).toBe(BEACON_WAITER_COUNT);
    expect(beacon().hasExited(1)).toBe(false);
    // Too soon to ask again.
    expect(beacon().hasExited(1)).toBe(false);
    expect(waiters()).toBe(BEACON_WAITER_COUNT - 1);
    clock.ms += 25;
    expect(beacon().hasExited(1)).toBe(false);
    expect(waiters()).toBe(BEACON_WAITER_COUNT - 2);
    await worker.terminate();
    await exit;
  });

  it("is over when the thread has ended, which shows without an event", async () => {
    const { worker } = await start("hold");
    void worker.terminate();
    while (!beacon().hasExited(1)) sleep(5);
  });

  it("is not said to be over of a thread that has detached, or has never begun", async () => {
    const { worker, exit } = await start("detach");
    expect(beacon().hasExited(1)).toBe(false);
    await worker.terminate();
    await exit;
    useTestClock().ms += 25;
    expect([beacon().hasExited(1), beacon().hasExited(2)]).toEqual([false, false]);
  });

  it("lets a thread that waits for a lock of the dead go on, though nobody watches", async () => {
    const { worker, done } = await start("hold");
    void worker.terminate();
    expect(heap.alloc(100_000)).toBeGreaterThan(0);
    const stepsAtDeath = Atomics.load(done, 1);
    sleep(5);
    expect(Atomics.load(done, 1)).toBe(stepsAtDeath);
    expect(layersOf(heap).slots.isDead(1)).toBe(true);
    expect(reapSlot(heap, 1, { blocks: "free" }).isFreed).toBe(true);
    expectClean(heap);
  });

  it("lets a thread attach that needs a lock of the dead to do so", async () => {
    const { worker } = await start("hold");
    void worker.terminate();
    expect(layersOf(heap).memory.words[headerWord(layersOf(heap).geometry, Header.PAGES_LOCK)]).not.toBe(0);
    const other = Heap.attach(heap.reserve());
    expect(other.slot).toBe(2);
    other.detach();
    reapSlot(heap, 1);
    expectClean(heap);
  });
});
