import { describeValue, reading, requireObject, requireWhole } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { MAX_SLOT_COUNT, UNSIGNED_WORD_MAX, WORD_MAX } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { SlotRecord } from "./layout.ts";
import type { SlotTable } from "./slot.ts";

/** A slot that was reserved for a thread. */
export interface Reservation {
  /** Number of the slot, from 0. */
  readonly slot: number;
  /** How often the slot has been taken, this time included. */
  readonly generation: number;
  /** A number drawn by lot: a slot of the same number and generation of another heap has another one. */
  readonly token: number;
  /** Name of the Web Lock that the thread holds until it ends, where no event tells of its end. */
  readonly lockName: string;
}

/** The reservation of a slot that has just been reserved. */
export function reservationOf(slots: SlotTable, slot: number): Reservation {
  const [generation, token] = [slots.generation(slot), slots.token(slot)];
  return { slot, generation, token, lockName: lockNameOf(slot, generation, token) };
}

/** A name that no other reservation of any heap has, which follows from all else: one that was altered is no such. */
function lockNameOf(slot: number, generation: number, token: number): string {
  return `kmem ${slot} ${generation} ${token}`;
}

/** Reads a reservation that came in a handle. Throws BAD_ARGUMENT for anything else, and for one that was altered. */
export function requireReservation(place: unknown): Reservation {
  requireObject("place", place);
  const { slot, generation, token, lockName } = reading("place", place, () => {
    const given = place as Reservation;
    return { slot: given.slot, generation: given.generation, token: given.token, lockName: given.lockName };
  });
  requireWhole("place.slot", slot, 0, MAX_SLOT_COUNT - 1);
  requireWhole("place.generation", generation, 1, UNSIGNED_WORD_MAX);
  requireWhole("place.token", token, 0, WORD_MAX);
  if (lockName !== lockNameOf(slot, generation, token)) {
    const text = `place.lockName is not that of the reservation but ${describeValue(lockName)}`;
    throw new KmemError("BAD_ARGUMENT", text, { slot, generation });
  }
  return { slot, generation, token, lockName };
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
export function announceThread(memory: LinearMemory, slots: SlotTable, { slot, lockName }: Reservation): void {
  if (!("WorkerGlobalScope" in globalThis)) return;
  void webLocks()?.request(lockName, () => {
    Atomics.store(memory.words, slots.word(slot, SlotRecord.WATCHED), 1);
    return new Promise(() => {});
  });
}
