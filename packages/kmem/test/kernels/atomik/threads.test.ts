import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { atomik, LogRing, PAGE_SIZE } from "kmem/atomik";
import { describe, expect, it } from "vitest";
import { RangeHeader } from "../../../src/kernels/atomik/layout.ts";
import { LinearMemory } from "../../../src/memory/memory.ts";
import { CriticalSection } from "../../../src/sync/critical-section.ts";
import type { PageWork, PageWorkDone } from "./page-worker.ts";

const PAGES = 96;
const start = 2 * PAGE_SIZE;
const end = PAGES * PAGE_SIZE - 1;

function startWorker(work: PageWork): Worker {
  return new Worker(new URL("./page-worker.ts", import.meta.url), { workerData: work });
}

async function resultOf(worker: Worker): Promise<PageWorkDone> {
  const [done] = (await once(worker, "message")) as [PageWorkDone];
  await worker.terminate();
  return done;
}

function setUp(): { memory: SharedArrayBuffer; kernel: ReturnType<typeof atomik>; log: LogRing; range: number } {
  const memory = new SharedArrayBuffer(PAGES * PAGE_SIZE);
  const log = new LogRing();
  const kernel = atomik(memory, log);
  return { memory, kernel, log, range: kernel.mm_register_region(start, end) };
}

describe("page_alloc and page_free of several threads", () => {
  it("002-15 002-18 002-24 002-27 are atomic: no page is given twice and none is lost", async () => {
    const { memory, kernel, log, range } = setUp();
    const free = kernel.mm_region_debug(range);
    const lines = log.messages();
    log.clear();
    const marks = [1, 2, 3];
    const workers = marks.map((mark) => startWorker({ memory, start, end, rounds: 30_000, mark }));
    const results = await Promise.all(workers.map(resultOf));
    expect(results.flatMap(({ faults }) => faults)).toEqual([]);
    // Of them all: one that holds the pages while the system lets it stand leaves the others few.
    expect(results.reduce((sum, { allocations }) => sum + allocations, 0)).toBeGreaterThan(10_000);
    expect(kernel.check()).toEqual([]);
    expect(kernel.mm_region_debug(range)).toBe(free);
    expect(log.messages()).toEqual(lines);
  });

  it("002-15 002-24 wait while another thread is inside the critical section", async () => {
    const { memory, range } = setUp();
    const words = new Int32Array(memory);
    const lock = range + RangeHeader.LOCK * 4;
    words[range / 4 + RangeHeader.OWNERS] = 1000;
    const section = new CriticalSection(new LinearMemory(memory), lock, { owner: 1000 });
    expect(section.enter()).toBe(true);
    const worker = startWorker({ memory, start, end, rounds: 1, mark: 7 });
    const result = resultOf(worker);
    // A waiter that has spun for long enough says in the word that it sleeps.
    while (words[lock / 4] === 1000) await new Promise((resolve) => setTimeout(resolve, 5));
    const isDone = await Promise.race([result.then(() => true), new Promise((resolve) => setTimeout(resolve, 100))]);
    expect(isDone).toBeUndefined();
    section.leave();
    const { faults, allocations } = await result;
    expect(faults).toEqual([]);
    expect(allocations).toBe(1);
    expect(words[lock / 4]).toBe(0);
  });
});
