import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { Geometry } from "../../src/memory/header.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import { LockBits } from "../../src/sync/layout.ts";
import { acquireLock, lockOwner, releaseLock, SharedLocks, UnsharedLocks } from "../../src/sync/lock.ts";
import { LockOrder } from "../../src/sync/lock-order.ts";
import type { LockWork } from "./lock-worker.ts";

const words = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(64));

describe("a lock", () => {
  it("holds its owner while it is taken, and nothing when it is free", () => {
    const memory = words();
    acquireLock(memory, 3, lockOwner(5, 9));
    expect(memory[3]).toBe((9 << LockBits.GENERATION_SHIFT) | 6);
    releaseLock(memory, 3);
    expect([...memory]).toEqual(new Array(16).fill(0));
  });

  it("names slot and generation apart, and never the bit of those who wait", () => {
    for (const generation of [1, 2, 0xff_ffff, 0x100_0001]) {
      for (const slot of [0, 1, 125]) {
        const owner = lockOwner(slot, generation);
        expect(owner).toBeGreaterThan(0);
        expect((owner & LockBits.OWNER_SLOT_MASK) - 1).toBe(slot);
        expect(owner >>> LockBits.GENERATION_SHIFT).toBe(generation & LockBits.GENERATION_MASK);
      }
    }
  });

  it("is not taken twice by one slot, nor released by another: assertions say so", () => {
    const memory = new LinearMemory(new SharedArrayBuffer(4096));
    const locks = new SharedLocks(memory, lockOwner(0, 1));
    locks.order = new LockOrder({ baseFrame: 0 } as Geometry);
    locks.acquire(4);
    expect(() => locks.acquire(4)).toThrow("no slot takes the lock at word 4 twice");
    expect(() => new SharedLocks(memory, lockOwner(1, 1)).release(4)).toThrow("is released by who holds it");
    locks.release(4);
    expect(memory.words[4]).toBe(0);
  });

  it("is nothing in memory of one thread", () => {
    const locks = new UnsharedLocks();
    locks.acquire(0);
    locks.acquire(0);
    locks.release(0);
  });
});

describe("a lock between threads", () => {
  /** Threads add 1 to a word under a lock, by a plain load and a plain store. */
  async function count(work: Omit<LockWork, "memory" | "owner">, threads: number): Promise<Int32Array> {
    const memory = new SharedArrayBuffer(256);
    const workers = Array.from({ length: threads }, (_, index) => {
      const workerData: LockWork = { ...work, memory, owner: lockOwner(index, 1) };
      return new Worker(new URL("./lock-worker.ts", import.meta.url), { workerData });
    });
    await Promise.all(workers.map((worker) => once(worker, "exit")));
    return new Int32Array(memory);
  }

  it("lets one in at a time", async () => {
    const [lock, counter] = await count({ rounds: 100_000, holdMs: 0 }, 3);
    expect([lock, counter]).toEqual([0, 300_000]);
  });

  it("wakes those who sleep, and loses no wake-up", async () => {
    // Held long enough that the others stop spinning and go to sleep.
    const [lock, counter] = await count({ rounds: 60, holdMs: 2 }, 3);
    expect([lock, counter]).toEqual([0, 180]);
  });
});
