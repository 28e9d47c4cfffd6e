import { ASSERTIONS } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { type Geometry, headerWord } from "../memory/header.ts";
import { Header } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { DeathDetector } from "./death-detector.ts";
import { LockBits, SlotRecord, SlotState } from "./layout.ts";
import { LivenessBeacon } from "./liveness.ts";
import { type Locks, lockOwner, SharedLocks, UnsharedLocks } from "./lock.ts";
import { LockOrder } from "./lock-order.ts";
import { SlotTable } from "./slot.ts";
import { stateWord } from "./state-word.ts";
import { Waiters } from "./wait.ts";

/** Constants of the functions below once more, as constants of this module: see slab/fast-path.ts. */
const stateField = SlotRecord.STATE;

/** What a thread works with others through: its slot, the locks it takes as that slot, and those who wait. */
export interface SlotSync {
  readonly slots: SlotTable;
  readonly slot: number;
  /** Index in `words` of the slot's record. */
  readonly recordWord: number;
  /** How often the slot had been taken when the thread took it: another number means that it is another thread's. */
  readonly generation: number;
  /** STATE of the record while the thread has the slot. */
  readonly heldState: number;
  readonly locks: Locks;
  /** Tells others of the end of this thread, and this thread of theirs. */
  readonly beacon: LivenessBeacon;
  /** Finds out which threads are gone. */
  readonly deaths: DeathDetector;
  readonly waiters: Waiters;
}

/** The table of the slots of a heap. */
export function slotTable(memory: LinearMemory, geometry: Geometry): SlotTable {
  return new SlotTable(memory, geometry.slotTable, geometry.slotCount, headerWord(geometry, Header.TAKEN_SLOTS));
}

/** Binds a slot that the thread holds. */
export function bindSlot(memory: LinearMemory, geometry: Geometry, slots: SlotTable, slot: number): SlotSync {
  const generation = slots.generation(slot);
  const locks = memory.isShared ? new SharedLocks(memory, lockOwner(slot, generation)) : new UnsharedLocks();
  if (ASSERTIONS) {
    const owner = lockOwner(slot, generation);
    const isOwn = (word: number): boolean => (Atomics.load(memory.words, word) & ~LockBits.WAITED) === owner;
    locks.order = new LockOrder(geometry, memory.isShared ? isOwn : undefined);
  }
  const beacon = new LivenessBeacon(memory, slots, slot);
  const deaths = new DeathDetector(slots, beacon);
  const recordWord = slots.word(slot, 0);
  const waiters = new Waiters(memory, geometry, { slots, slot, beacon, deaths });
  return {
    slots,
    slot,
    recordWord,
    generation,
    heldState: stateWord(generation, SlotState.HELD),
    locks,
    beacon,
    deaths,
    waiters,
  };
}

/** The error of a thread whose slot may be another thread's by now. */
export function detachedError(slot: number): KmemError {
  return new KmemError("DETACHED", `this heap was detached: slot ${slot} is no longer this thread's`, { slot });
}

/** Whether the thread still holds its slot. */
export function isHeld(words: Int32Array, { recordWord, heldState }: SlotSync): boolean {
  return words[recordWord + stateField] === heldState;
}

/** Throws DETACHED unless the thread still holds its slot, and the buffer is still there. */
export function requireHeld(memory: LinearMemory, { slot, recordWord, heldState }: SlotSync): void {
  if (memory.words[recordWord + stateField] === heldState) return;
  throw memory.isLost ? memory.lost() : detachedError(slot);
}
