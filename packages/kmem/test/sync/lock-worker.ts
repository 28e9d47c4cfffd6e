// A thread of the tests of the lock: adds to a word under the lock by a plain load and a plain store.
import { workerData } from "node:worker_threads";
import { acquireLock, releaseLock } from "../../src/sync/lock.ts";

/** What a thread is told. */
export interface LockWork {
  readonly memory: SharedArrayBuffer;
  readonly owner: number;
  readonly rounds: number;
  /** Milliseconds that the lock is held each time. */
  readonly holdMs: number;
}

const LOCK = 0;
const COUNTER = 1;
const NEVER = 2;

const { memory, owner, rounds, holdMs } = workerData as LockWork;
const words = new Int32Array(memory);
for (let round = 0; round < rounds; round++) {
  acquireLock(words, LOCK, owner);
  const before = words[COUNTER] as number;
  if (holdMs > 0) Atomics.wait(words, NEVER, 0, holdMs);
  words[COUNTER] = before + 1;
  releaseLock(words, LOCK);
}
