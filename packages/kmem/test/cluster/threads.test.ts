import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { LockWord } from "../../src/cluster/layout.ts";
import { TicketLock } from "../../src/cluster/ticket-lock.ts";
import { KmemError } from "../../src/index.ts";
import { type GietConfig, giet, VOBJ_TYPE_HEAP } from "../../src/kernels/giet/giet.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import { COUNTER_BYTE, type Orders } from "./orders.ts";

const workers: Worker[] = [];

/** Starts a thread; the promise is for what it posts when it is done. */
function start(orders: Orders): Promise<number[]> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: orders });
  workers.push(worker);
  return once(worker, "message").then(([result]) => result as number[]);
}

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Holds a lock until `count` threads wait for it, so that they start together, then lets them in. */
async function releaseTogether(memory: SharedArrayBuffer, address: number, count: number): Promise<void> {
  const lock = new TicketLock(new LinearMemory(memory), address);
  const waiting = (): number => {
    const word = address / 4;
    const words = new Int32Array(memory);
    return (Atomics.load(words, word + LockWord.FREE) - Atomics.load(words, word + LockWord.CURRENT) - 1) | 0;
  };
  await until(() => waiting() === count);
  lock.release();
}

describe("the queuing lock", () => {
  it("lets waiters in in the order in which they came, after they have fallen asleep", async () => {
    const memory = new SharedArrayBuffer(256);
    const words = new Int32Array(memory);
    const order = new SharedArrayBuffer(64);
    const lock = new TicketLock(new LinearMemory(memory), 0);
    lock.acquire(9);
    const done: Promise<number[]>[] = [];
    for (const [index, owner] of [5, 3, 8, 1].entries()) {
      done.push(start({ name: "queue", lock: memory, owner, order }));
      await until(() => Atomics.load(words, LockWord.FREE) === index + 2);
    }
    // Long enough for all of them to have given up spinning.
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([...new Int32Array(order).subarray(0, 2)]).toEqual([0, 0]);
    expect(lock.owner).toBe(9);
    lock.release();
    await Promise.all(done);
    expect([...new Int32Array(order).subarray(0, 5)]).toEqual([4, 5, 3, 8, 1]);
    expect([lock.isHeld, lock.owner]).toEqual([false, 0]);
  });

  it("keeps all others out: no increment of a plain word is lost", async () => {
    const memory = new SharedArrayBuffer(256);
    const rounds = 3000;
    // Tickets beyond 2^31, which read as negative, are tickets like all others.
    new Int32Array(memory).fill(2 ** 31 - 500, LockWord.CURRENT, LockWord.FREE + 1);
    new TicketLock(new LinearMemory(memory), 0).acquire(9);
    const done = [1, 2, 3].map((owner) => start({ name: "count", lock: memory, owner, rounds }));
    await releaseTogether(memory, 0, 3);
    await Promise.all(done);
    expect(new Int32Array(memory)[COUNTER_BYTE / 4]).toBe(3 * rounds);
    expect(new Int32Array(memory)[LockWord.CURRENT]).toBe((2 ** 31 - 500 + 1 + 3 * rounds) | 0);
  });

  it("names its owner while it is held", () => {
    const lock = new TicketLock(new LinearMemory(new SharedArrayBuffer(64)), 0);
    expect([lock.isHeld, lock.owner]).toEqual([false, 0]);
    lock.acquire(4);
    expect([lock.isHeld, lock.owner]).toEqual([true, 4]);
    lock.release();
    expect([lock.isHeld, lock.owner]).toEqual([false, 0]);
  });

  it("does not wait for ever in memory that nobody else can reach", () => {
    const memory = new ArrayBuffer(64);
    const lock = new TicketLock(new LinearMemory(memory), 0);
    lock.acquire(2);
    const before = new Uint8Array(memory).slice();
    expect(() => lock.acquire(3)).toThrow(KmemError);
    expect(new Uint8Array(memory)).toEqual(before);
    lock.release();
    lock.acquire(3);
    expect(lock.owner).toBe(3);
  });
});

describe("a kernel heap", () => {
  it("Concurrent dynamic allocation is possible: threads at one heap never get the same block", async () => {
    const length = 0x4_0000;
    const memory = new SharedArrayBuffer(length + 4096);
    const vsegs = [{ type: VOBJ_TYPE_HEAP, base: 0x1000_0000, length }];
    const config = (processor: number): GietConfig => ({ clusters: [[{ memory, vsegs }]], processor });
    const machine = giet(config(0), { print: () => undefined });
    machine._heap_init();
    // Together they ask for more than there is.
    const sizes = Array.from({ length: 1500 }, (_, index) => [40, 64, 100, 200, 64, 1000][index % 6] as number);
    new TicketLock(new LinearMemory(memory), length).acquire(9);
    const done = [1, 2, 3].map((id) => start({ name: "malloc", config: config(id), sizes }));
    await releaseTogether(memory, length, 3);
    const results = await Promise.all(done);
    const blocks = results.flat().filter((ptr) => ptr !== 0);
    expect(new Set(blocks).size).toBe(blocks.length);
    // Every thread got something: on a machine that is busy with other things, one may come late.
    for (const result of results) expect(result.some((ptr) => ptr !== 0)).toBe(true);
    expect(machine.check().findings).toEqual([]);
    const takenBytes = blocks.reduce((sum, ptr) => sum + machine.bytes(ptr).length, 0);
    expect(takenBytes).toBeGreaterThan(length * 0.9);
    for (const ptr of blocks) machine._free(ptr);
    expect(machine._remote_malloc(length / 2, 0, 0)).toBe(0x1000_0000);
  });
});
