import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import {
  Heap,
  heapStats,
  ownerOf,
  type ReapReport,
  reapSlot,
  slotStats,
  type WatchOptions,
  watchWorker,
} from "../../src/index.ts";
import { SlotRecord } from "../../src/sync/layout.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
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
    stop = watchWorker(heap, worker, handle, { ...options, onReaped: resolve });
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
    expect(heapStats(heap).heldSlots).toBe(1);
    expectClean(heap);
  });

  it("reaps the slot of a worker that is terminated, with the locks that it held", async () => {
    const { worker, reaped } = await start("hold");
    void worker.terminate();
    expect(await reaped).toMatchObject({ takenOverLocks: 1, isFreed: false, pageRuns: [{ pageCount: 2 }] });
    expectClean(heap);
  });

  it("lets a worker be that has detached", async () => {
    const { reaped, ended } = await start("detach");
    await ended;
    expect(await reaped).toBe("never");
    expect(slotStats(heap).map(({ slot }) => slot)).toEqual([0]);
  });

  it("ends when it is told to", async () => {
    const { worker, reaped, stop, ended } = await start("hold");
    stop();
    void worker.terminate();
    await ended;
    expect(await reaped).toBe("never");
    expect(reapSlot(heap, 1).takenOverLocks).toBe(1);
    expectClean(heap);
  });

  it("needs a handle with a slot of its own", () => {
    expect(thrownBy(() => watchWorker(heap, { terminate: () => {}, once: () => {} }, heap.handle)).code).toBe(
      "BAD_ARGUMENT",
    );
    expect(thrownBy(() => watchWorker(heap, { terminate: () => {} }, heap.reserve())).code).toBe("BAD_ARGUMENT");
  });

  it("tells a thread of the death of a worker while it waits for a lock that the worker held", async () => {
    const { worker, reaped, done } = await start("hold");
    void worker.terminate();
    // No event reaches this thread meanwhile.
    expect(heap.alloc(100_000)).toBeGreaterThan(0);
    const stepsAtDeath = Atomics.load(done, 1);
    expect(await reaped).toMatchObject({ slot: 1, takenOverLocks: 0 });
    expect(Atomics.load(done, 1)).toBe(stepsAtDeath);
    expectClean(heap);
  });

  describe("refuses at the call", () => {
    const worker = { terminate: () => {}, once: () => {} };

    it.each([
      ["blocks that are none", { blocks: "bogus" }],
      ["a receiver that there is not", { blocks: "give", to: 50 }],
      ["a receiver that nobody is", { blocks: "give", to: 3 }],
      ["the thread that is watched as the receiver", { blocks: "give", to: 1 }],
      ["a receiver that is a string", { blocks: "give", to: "0" }],
      ["a listener that is no function", { onReaped: 5 }],
      ["options that are none", 7],
      ["null for options", null],
    ])("%s", (_, options) => {
      const handle = heap.reserve();
      expect(thrownBy(() => watchWorker(heap, worker, handle, options as WatchOptions)).code).toBe("BAD_ARGUMENT");
    });

    it.each([
      undefined,
      null,
      5,
      {},
      { once: () => {} },
      { terminate: 5, once: () => {} },
      { terminate: () => {}, once: "once" },
    ])("a worker that is none: %o", (none) => {
      const handle = heap.reserve();
      expect(thrownBy(() => watchWorker(heap, none as never, handle)).code).toBe("BAD_ARGUMENT");
    });

    it("a handle that is none, one of another heap, and one whose place is gone", () => {
      const stranger = Heap.create({ sizeBytes: MIB });
      for (const none of [undefined, null, 5, {}, heap.source]) {
        expect(thrownBy(() => watchWorker(heap, worker, none as never)).code).toMatch(/BAD_ARGUMENT|WRONG_VERSION/);
      }
      heap.reserve();
      expect(thrownBy(() => watchWorker(heap, worker, stranger.reserve())).code).toBe("BAD_ARGUMENT");
      const handle = heap.reserve();
      Heap.attach(handle).detach();
      expect(thrownBy(() => watchWorker(heap, worker, handle)).code).toBe("NO_SLOT");
      heap.reserve();
      expect(thrownBy(() => watchWorker(heap, worker, handle)).code).toBe("NO_SLOT");
    });
  });

  /** A worker that has an end when the test says so. */
  function fakeWorker() {
    const listeners: (() => void)[] = [];
    const worker = {
      terminate: () => {},
      threadId: 5,
      once: (_: "exit", listener: () => void) => listeners.push(listener),
    };
    const exit = (): void => {
      for (const listener of listeners) listener();
    };
    return { worker, exit };
  }

  /** A slot whose thread has left blocks and is gone. */
  function deadSlot() {
    const handle = heap.reserve();
    const other = Heap.attach(handle);
    const block = other.alloc(100);
    layersOf(other).sync.beacon.end();
    return { handle, block, slot: other.slot };
  }

  it("reaps the slot of a worker that has ended already", async () => {
    const { handle, slot } = deadSlot();
    const worker = { terminate: () => {}, once: () => {}, threadId: -1 };
    const report = await new Promise<ReapReport>((resolve) => {
      watchWorker(heap, worker, handle, { blocks: "free", onReaped: resolve });
    });
    expect(report).toMatchObject({ slot, isFreed: true, blocks: [{ usableBytes: 112 }] });
    let reports = 0;
    const second = deadSlot();
    watchWorker(heap, worker, second.handle, { onReaped: () => reports++ })();
    await Promise.resolve();
    expect(reports).toBe(0);
    expectClean(heap);
  });

  it("keeps the blocks where the receiver is gone by then, and says so", () => {
    const receiver = Heap.attach(heap.reserve());
    const { handle, block, slot } = deadSlot();
    const { worker, exit } = fakeWorker();
    const reports: ReapReport[] = [];
    watchWorker(heap, worker, handle, {
      blocks: "give",
      to: receiver.slot,
      onReaped: (report) => reports.push(report),
    });
    receiver.detach();
    exit();
    expect(reports).toMatchObject([{ slot, isFreed: false, problem: `no thread holds the slot ${receiver.slot}` }]);
    expect(ownerOf(heap, block)).toBe(slot);
    expect(reapSlot(heap, slot, { blocks: "give" })).toMatchObject({ isFreed: true });
    expect(ownerOf(heap, block)).toBe(0);
    expectClean(heap);
  });

  it("leaves the slot to others where the heap was detached meanwhile, and says so", () => {
    const second = Heap.attach(heap.reserve());
    const { handle, slot } = deadSlot();
    const { worker, exit } = fakeWorker();
    const reports: ReapReport[] = [];
    watchWorker(heap, worker, handle, { blocks: "free", onReaped: (report) => reports.push(report) });
    heap.detach();
    exit();
    expect(reports).toMatchObject([{ slot, isFreed: false, blocks: [], problem: expect.stringContaining("detached") }]);
    expect(layersOf(second).slots.isDead(slot)).toBe(true);
    expect(reapSlot(second, slot, { blocks: "free" })).toMatchObject({ isFreed: true });
    expectClean(second);
  });

  it("lets the slot be of a thread that goes on when another worker has ended", () => {
    const handle = heap.reserve();
    const other = Heap.attach(handle);
    const { worker, exit } = fakeWorker();
    const reports: ReapReport[] = [];
    watchWorker(heap, worker, handle, { blocks: "free", onReaped: (report) => reports.push(report) });
    exit();
    expect(reports).toMatchObject([{ slot: 1, isFreed: false, problem: expect.stringContaining("goes on") }]);
    other.free(other.alloc(100));
    expectClean(heap);
  });

  it("waits for the end of a thread whose Web Lock a browser has released a moment before it", async () => {
    const handle = heap.reserve();
    const other = Heap.attach(handle);
    other.alloc(100);
    const { memory, slots, sync } = layersOf(other);
    Atomics.store(memory.words, slots.word(other.slot, SlotRecord.WATCHED), 1);
    const requests: (() => unknown)[] = [];
    vi.stubGlobal("Worker", class {});
    vi.stubGlobal("navigator", {
      locks: { request: (_name: string, callback: () => unknown) => requests.push(callback) },
    });
    let reports = 0;
    const reaped = new Promise<ReapReport>((resolve) => {
      const onReaped = (report: ReapReport): void => {
        reports += 1;
        resolve(report);
      };
      watchWorker(heap, { terminate: () => {} }, handle, { blocks: "free", onReaped });
    });
    vi.unstubAllGlobals();
    expect(requests).toHaveLength(1);
    requests[0]?.();
    await new Promise(setImmediate);
    expect(reports).toBe(0);
    sync.beacon.end();
    expect(await reaped).toMatchObject({ slot: other.slot, isFreed: true, blocks: [{ usableBytes: 112 }] });
    expectClean(heap);
  });

  it("tells of the end once, however many watch it", () => {
    const { handle } = deadSlot();
    const { worker, exit } = fakeWorker();
    let reports = 0;
    for (let watch = 0; watch < 2; watch++)
      watchWorker(heap, worker, handle, { blocks: "free", onReaped: () => reports++ });
    exit();
    exit();
    expect(reports).toBe(1);
    expectClean(heap);
  });
});
