import { type Geometry, headerWord } from "../memory/header.ts";
import { Header, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { Barns } from "../slab/barn.ts";
import type { RemoteSheaves } from "../slab/remote-sheaf.ts";
import { SLOT_RECORD_WORDS, SlotRecord, SlotState } from "../sync/layout.ts";
import { UnsharedLocks } from "../sync/lock.ts";
import type { SlotSync } from "../sync/slot-sync.ts";
import { stateWord } from "../sync/state-word.ts";
import type { ThreadSupport } from "./open-layers.ts";

/** The one slot. */
const SLOT = 0;
const FIRST_GENERATION = 1;

type BarnContext = Parameters<ThreadSupport["makeBarns"]>[0];

/** What the layers ask a slot table and its locks where there is one thread: nobody else holds anything, or waits. */
function onlySlot(memory: LinearMemory, geometry: Geometry): SlotSync {
  const recordWord = geometry.slotTable >>> WORD_SHIFT;
  const takenWord = headerWord(geometry, Header.TAKEN_SLOTS);
  const setState = (state: number): void => {
    memory.words[recordWord + SlotRecord.STATE] = stateWord(FIRST_GENERATION, state);
    memory.words[takenWord] = state === SlotState.HELD ? 1 << SLOT : 0;
  };
  const areaWord = recordWord + SlotRecord.AREA;
  setState(SlotState.HELD);
  const slots = {
    count: 1,
    hasSeveral: false,
    takenCount: 1,
    heldCount: 1,
    word: (slot: number, field: number) => recordWord + slot * SLOT_RECORD_WORDS + field,
    area: () => memory.words[areaWord] >>> 0,
    setArea: (_slot: number, address: number) => {
      memory.words[areaWord] = address;
    },
    withAreas: () => (memory.words[areaWord] === 0 ? [] : [SLOT]),
    release: () => setState(SlotState.FREE),
  };
  const waiters = {
    hasWaiters: false,
    isUnderPressure: false,
    tracksWatermarks: false,
    pressureEpoch: 0,
    noteFreed: () => {},
    forget: () => {},
  };
  const beacon = { end: () => {} };
  const heldState = stateWord(FIRST_GENERATION, SlotState.HELD);
  const locks = new UnsharedLocks();
  const sync = { slots, slot: SLOT, recordWord, generation: FIRST_GENERATION, heldState, locks, beacon, waiters };
  // All that the layers ask for as long as nobody else is there; what else a slot table can do takes other threads.
  return sync as unknown as SlotSync;
}

/** Blocks go from sheaves to slabs and back: there is nobody to trade them with. */
function noBarns({ memory, geometry, caches, slabs }: BarnContext): Barns {
  const countLateDoubleFrees = (count: number): void => {
    memory.words[headerWord(geometry, Header.LATE_DOUBLE_FREES)] += count;
  };
  const take: Barns["take"] = (kind, cache, firstWord, wanted, cachedTag, request) => {
    const taken = slabs.take(cache, firstWord, wanted, cachedTag);
    // A slab with a constructor is made by the sheaves, which ask once more.
    if (taken > 0 || caches.hasConstructorOrDestructor(kind) || !slabs.growLocked(kind, request, wanted)) {
      return taken;
    }
    return slabs.take(cache, firstWord, wanted, cachedTag);
  };
  const put: Barns["put"] = (kind, cache, firstWord, count, cachedTag) => {
    const stale = count === 0 ? 0 : slabs.put(kind, cache, firstWord, count, cachedTag);
    if (stale > 0) countLateDoubleFrees(stale);
  };
  const barns = { take, put, count: () => 0, drain: () => {}, destroy: () => {}, countLateDoubleFrees };
  return barns satisfies Partial<Record<keyof Barns, unknown>> as unknown as Barns;
}

/** No block is another slot's. */
const noRemoteSheaves = {
  hasSheafFor: () => false,
  entries: () => [],
  drain: () => {},
  close: () => {},
  destroy: () => {},
} satisfies Partial<Record<keyof RemoteSheaves, unknown>> as unknown as RemoteSheaves;

/** What a heap of one thread has in place of slots, locks, barns and recovery. Its memory is not shared. */
export const ONE_THREAD: ThreadSupport = {
  takeSlot: onlySlot,
  makeBarns: noBarns,
  createRemoteSheaves: () => noRemoteSheaves,
  linkRecovery: () => {},
};
