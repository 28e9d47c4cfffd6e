// cache.allocWait and heap.pages.allocWait: as heap.allocWait, they wait for memory that another thread holds.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { blockAt, type Cache, Heap, OutOfMemoryError } from "../../src/index.ts";
import type { LinuxOrders } from "../kernels/linux/trades.ts";
import { expectRefusal, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { useTestClock } from "../support/test-clock.ts";

/** Longer than any test takes. */
const PATIENT_MS = 3_600_000;
const DELAY_MS = 50;
const OBJECT_BYTES = 60_000;

let heap: Heap;
let cache: Cache;
let words: Int32Array<SharedArrayBuffer>;
let holder: Worker | undefined;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
  cache = heap.createCache({ name: "objects", sizeBytes: OBJECT_BYTES });
  words = new Int32Array(new SharedArrayBuffer(16));
});

afterEach(async () => {
  await holder?.terminate();
  holder = undefined;
});

/** Starts a thread that takes all pages, and waits until it has them. */
async function holdAll(): Promise<void> {
  const hold = { pool: undefined, words: words.buffer, delayMs: DELAY_MS };
  const orders: LinuxOrders = { name: "hold", handle: heap.handle, hold };
  holder = new Worker(new URL("../kernels/linux/threads-worker.ts", import.meta.url), { workerData: orders });
  const failed = once(holder, "error").then(([error]) => Promise.reject(error as Error));
  const held = async (): Promise<void> => {
    while (Atomics.load(words, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  await Promise.race([held(), failed]);
  failed.catch(() => undefined);
}

/** Lets the holder free everything a little later. */
function release(): void {
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
}

describe("cache.allocWait", () => {
  it("waits until another thread frees memory", async () => {
    await holdAll();
    expect(() => cache.alloc()).toThrow(OutOfMemoryError);
    release();
    const address = cache.allocWait({ timeoutMs: PATIENT_MS });
    expect(blockAt(heap, address)).toMatchObject({ cache: "objects", live: true });
  });

  it("gives what there is at once, and throws at the timeout, and where no other thread is", async () => {
    const address = cache.allocWait();
    expect(address).toBeGreaterThan(0);
    cache.free(address);
    cache.shrink();
    const pages: number[] = [];
    for (let page = heap.pages.tryAlloc(1); page !== 0; page = heap.pages.tryAlloc(1)) pages.push(page);
    expect(thrownBy(() => cache.allocWait()).details).toMatchObject({ askedBytes: OBJECT_BYTES });
    for (const page of pages) heap.pages.free(page, 1);
    await holdAll();
    const clock = useTestClock();
    const startMs = clock.ms;
    expect(thrownBy(() => cache.allocWait({ timeoutMs: 30 })).code).toBe("OUT_OF_MEMORY");
    expect(clock.ms - startMs).toBe(30);
    cache.destroy();
    expect(() => cache.allocWait()).toThrow("was destroyed");
  });
});

describe("heap.pages.allocWait", () => {
  it("waits until another thread frees memory", async () => {
    await holdAll();
    expect(heap.pages.tryAlloc(30)).toBe(0);
    release();
    const address = heap.pages.allocWait(30, { timeoutMs: PATIENT_MS, alignmentBytes: 8 * PAGE });
    expect(address % (8 * PAGE)).toBe(0);
    expect(address).toBeGreaterThan(0);
    heap.pages.free(address, 30);
  });

  it("throws at the timeout, where no other thread is, and for what cannot be asked for", async () => {
    expect(thrownBy(() => heap.pages.allocWait(2000)).details).toMatchObject({ askedBytes: 2000 * PAGE });
    expectRefusal(heap, () => heap.pages.allocWait(0), "BAD_SIZE", "a whole number of pages");
    expectRefusal(heap, () => heap.pages.allocWait(1, { alignmentBytes: 100 }), "BAD_ALIGNMENT");
    expectRefusal(heap, () => heap.pages.allocWait(1, { timeoutMs: -1 }), "BAD_ARGUMENT", "timeoutMs");
    await holdAll();
    const clock = useTestClock();
    const startMs = clock.ms;
    expect(thrownBy(() => heap.pages.allocWait(30, { timeoutMs: 30 })).code).toBe("OUT_OF_MEMORY");
    expect(clock.ms - startMs).toBe(30);
  });
});
