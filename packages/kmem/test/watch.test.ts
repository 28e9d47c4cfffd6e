import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, it } from "vitest";
import { Heap, type ReapReport, type WatchOptions } from "../src/index.ts";
import { expectClean, thrownBy } from "./support/expectations.ts";
import { MIB } from "./support/memories.ts";
import type { WatchOrders } from "./watch-worker.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
});

/** Starts a watched thread; resolves when it has done what it was to do. */
async function start(end: WatchOrders["end"], options: WatchOptions = {}) {
  const handle = heap.reserve();
  const done = new Int32Array(new SharedArrayBuffer(8));
  const workerData: WatchOrders = { handle, end, done };
  const worker = new Worker(new URL("./watch-worker.ts", import.meta.url), { workerData });
  worker.on("error", () => {});
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  let stop = (): void => {};
  const reaped = new Promise<ReapReport | "never">((resolve) => {
    stop = heap.watch(worker, handle, { ...options, onReaped: resolve });
    // The listener of the watch comes after this one, at the same event.
    void ended.then(() => setImmediate(resolve, "never"));
  });
  while (Atomics.load(done, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  return { worker, ended, reaped, stop, done };
}

describe("watch", () => {
  it.each(["return", "throw"] as const)("reaps the slot of a worker that ends by %s", async (end) => {
    const { reaped } = await start(end, { blocks: "free" });
    expect(await reaped).toMatchObject({ slot: 1, isFreed: true, blocks: [{ usableBytes: 112 }] });
    expect(heap.stats().heldSlots).toBe(1);
    expectClean(heap);
  });

  it("reaps the slot of a worker that is terminated, with the locks that it held", async () => {
    const { worker, reaped } = await start("hold");
    void worker.terminate();
    expect(await reaped).toMatchObject({ inheritedLocks: 1, isFreed: false, pageRuns: [{ pageCount: 2 }] });
    expectClean(heap);
  });

  it("lets a worker be that has detached", async () => {
    const { reaped, ended } = await start("detach");
    await ended;
    expect(await reaped).toBe("never");
    expect(heap.slotStats().map(({ slot }) => slot)).toEqual([0]);
  });

  it("ends when it is told to", async () => {
    const { worker, reaped, stop, ended } = await start("hold");
    stop();
    void worker.terminate();
    await ended;
    expect(await reaped).toBe("never");
    expect(heap.reap(1).inheritedLocks).toBe(1);
    expectClean(heap);
  });

  it("needs a handle with a slot of its own", () => {
    expect(thrownBy(() => heap.watch({ terminate: () => {}, once: () => {} }, heap.handle)).code).toBe("BAD_ARGUMENT");
    expect(thrownBy(() => heap.watch({ terminate: () => {} }, heap.reserve())).code).toBe("BAD_ARGUMENT");
  });

  it("tells a thread of the death of a worker while it waits for a lock that the worker held", async () => {
    const { worker, reaped, done } = await start("hold");
    void worker.terminate();
    // No event reaches this thread meanwhile.
    expect(heap.alloc(100_000)).toBeGreaterThan(0);
    const stepsAtDeath = Atomics.load(done, 1);
    expect(await reaped).toMatchObject({ slot: 1, inheritedLocks: 0 });
    expect(Atomics.load(done, 1)).toBe(stepsAtDeath);
    expectClean(heap);
  });
});
