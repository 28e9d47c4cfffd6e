// Waiting for memory that another thread holds: what a mask with __GFP_WAIT waits for, and how long.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  __GFP_NORETRY,
  __GFP_NOWARN,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFAIL,
  GFP_NOWAIT,
  type Linux,
  linux,
} from "../../../src/kernels/linux/linux.ts";
import { useTestClock } from "../../support/test-clock.ts";
import { MIB, PAGE, TestKernel } from "./support.ts";
import type { LinuxOrders } from "./trades.ts";

/** Longer than any test takes. */
const PATIENT_MS = 3_600_000;
const DELAY_MS = 60;

const Word = { HELD: 0, RELEASE: 1 } as const;

let kernel: TestKernel;
let words: Int32Array<SharedArrayBuffer>;
let holder: Worker | undefined;

beforeEach(() => {
  kernel = new TestKernel({ sizeBytes: 4 * MIB });
  words = new Int32Array(new SharedArrayBuffer(16));
});

afterEach(async () => {
  await holder?.terminate();
  holder = undefined;
});

/** Starts a thread that takes all pages, or all elements of a pool, and waits until it has them. */
async function holdAll(pool?: number): Promise<void> {
  const hold = { pool, words: words.buffer, delayMs: DELAY_MS };
  const orders: LinuxOrders = { name: "hold", handle: kernel.heap.handle, hold };
  holder = new Worker(new URL("./threads-worker.ts", import.meta.url), { workerData: orders });
  const failure = once(holder, "error").then(([error]) => Promise.reject(error as Error));
  const held = (async () => {
    while (Atomics.load(words, Word.HELD) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  })();
  await Promise.race([held, failure]);
  failure.catch(() => undefined);
}

/** Does something after the holder has been told to free what it holds, which it does a little later. */
function whileFreed<Result>(action: () => Result): Result {
  Atomics.store(words, Word.RELEASE, 1);
  Atomics.notify(words, Word.RELEASE);
  return action();
}

const ways: readonly (readonly [string, (calls: Linux, mask: number) => number])[] = [
  ["kmalloc", (calls, mask) => calls.kmalloc(3000, mask)],
  ["kmalloc of pages", (calls, mask) => calls.kmalloc(100_000, mask)],
  ["__get_free_pages", (calls, mask) => calls.__get_free_pages(mask, 5)],
  ["kmem_cache_alloc", (calls, mask) => calls.kmem_cache_alloc(calls.kmem_cache_open("objects"), mask)],
  ["kvmalloc", (calls, mask) => calls.kvmalloc(600_000, mask)],
];

describe("a mask with __GFP_WAIT", () => {
  it.each(ways)("waits in %s until another thread has freed memory", async (_name, take) => {
    const calls = linux(kernel.heap, kernel.log, { waitMs: PATIENT_MS });
    kernel.cache("objects", 8 * PAGE);
    await holdAll();
    expect(take(calls, GFP_NOWAIT)).toBe(0);
    expect(take(calls, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)).toBe(0);
    expect(whileFreed(() => take(calls, GFP_KERNEL))).toBeGreaterThan(0);
    expect(kernel.printed()).toEqual([]);
  });

  it("gets NULL when memory comes later than the binding waits", async () => {
    const calls = linux(kernel.heap, kernel.log, { waitMs: 5 });
    await holdAll();
    const clock = useTestClock();
    const startMs = clock.ms;
    expect(calls.kmalloc(100_000, GFP_KERNEL)).toBe(0);
    expect(clock.ms - startMs).toBe(5);
    expect(calls.vmalloc(600_000)).toBe(0);
    expect(kernel.printed()).toEqual([
      "Couldn't get a free page.....",
      "vmalloc error: size 600000, failed to allocate pages",
    ]);
  });

  it.each(ways)("waits longer than the binding says with __GFP_NOFAIL, in %s", async (_name, take) => {
    const calls = linux(kernel.heap, kernel.log, { waitMs: 0 });
    kernel.cache("objects", 8 * PAGE);
    await holdAll();
    expect(whileFreed(() => take(calls, GFP_NOFAIL))).toBeGreaterThan(0);
  });

  it("waits in vmalloc, which has no mask", async () => {
    const calls = linux(kernel.heap, kernel.log, { waitMs: PATIENT_MS });
    await holdAll();
    const area = whileFreed(() => calls.vmalloc(600_000));
    expect(calls.vm.findArea(area)?.pageCount).toBe(147);
  });
});

describe("mempool_alloc", () => {
  it("waits with __GFP_WAIT for an element that another thread brings back, whatever waitMs says", async () => {
    const calls = linux(kernel.heap, kernel.log, { waitMs: 0 });
    const pool = calls.mempool_create_kmalloc_pool(4, 100_000);
    await holdAll(pool);
    const pages = kernel.takeAllPages(true);
    kernel.printed();
    expect(calls.mempool_alloc(pool, GFP_ATOMIC)).toBe(0);
    expect(calls.mempool_alloc(pool, GFP_NOWAIT)).toBe(0);
    expect(calls.mempool_alloc(pool, GFP_KERNEL | __GFP_NORETRY)).toBe(0);
    const element = whileFreed(() => calls.mempool_alloc(pool, GFP_KERNEL));
    expect(element).toBeGreaterThan(0);
    for (const page of pages) kernel.heap.pages.free(page, 1);
    calls.mempool_free(element, pool);
    expect(kernel.printed()).toEqual([]);
  });
});
