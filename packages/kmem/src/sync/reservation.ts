import type { LinearMemory } from "../memory/memory.ts";
import { SlotRecord } from "./layout.ts";
import type { SlotTable } from "./slot.ts";

/** A slot that was reserved for a thread. */
export interface Reservation {
  readonly slot: number;
  readonly generation: number;
  /** Name of the Web Lock that the thread holds for as long as it lives, where there are no events of its end. */
  readonly lockName: string;
}

/** The Web Locks of a browser. */
interface LockManager {
  request(name: string, callback: () => unknown): Promise<unknown>;
}

/** A thread that a browser runs has no other way to tell of its death than a Web Lock that it holds. */
export function webLocks(): LockManager | undefined {
  return (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
}

/** In a browser's worker: takes the Web Lock whose release tells of the death of this thread. */
export function announceLife(memory: LinearMemory, slots: SlotTable, { slot, lockName }: Reservation): void {
  if (!("WorkerGlobalScope" in globalThis)) return;
  void webLocks()?.request(lockName, () => {
    Atomics.store(memory.words, slots.word(slot, SlotRecord.WATCHED), 1);
    return new Promise(() => {});
  });
}
