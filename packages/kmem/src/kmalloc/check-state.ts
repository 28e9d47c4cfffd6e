import type { Report } from "../memory/finding.ts";
import { headerWord } from "../memory/header.ts";
import { Header, WORD_SHIFT } from "../memory/layout.ts";
import { FrameKind, RunKind, RunOwner, Zone, ZoneRecord } from "../pages/layout.ts";
import { isRunHead } from "../pages/rebuild.ts";
import { CacheRecord } from "../slab/layout.ts";
import { LockBits, SlotRecord } from "../sync/layout.ts";
import { SlotSet } from "../sync/slot-set.ts";
import type { CoreLayers } from "./layers.ts";

/** Locks of the header. */
const HEADER_LOCKS: readonly number[] = [
  Header.PAGES_LOCK,
  Header.TABLE_LOCK,
  Header.SHEAVES_LOCK,
  Header.BUCKET_LOCK,
  Header.VMALLOC_LOCK,
  Header.REAP_LOCK,
];

/** Indexes in `words` of all locks of a heap. */
export function lockWords({ geometry, caches }: CoreLayers): number[] {
  const ofCaches = Array.from(
    { length: caches.count },
    (_, cache) => caches.record(FrameKind.FIRST_CACHE + cache) + CacheRecord.LOCK,
  );
  return [...HEADER_LOCKS.map((field) => headerWord(geometry, field)), ...ofCaches];
}

/** While all threads are at rest nobody holds a lock. */
export function checkLocks(layers: CoreLayers, report: Report): void {
  for (const word of lockWords(layers)) {
    const value = layers.memory.words[word];
    const slot = (value & LockBits.OWNER_SLOT_MASK) - 1;
    const holder = slot >= 0 ? `slot ${slot} holds a lock` : "a lock that nobody holds is not free";
    if (value !== LockBits.FREE) report((word << WORD_SHIFT) >>> 0, holder);
  }
}

/** Verifies the words of the header and of slots that are state, and OWNER of runs. */
export function checkState(layers: CoreLayers, report: Report): void {
  const { memory, geometry } = layers;
  for (const { field, isSound, problem } of stateFaults(layers)) {
    if (!isSound) report((headerWord(geometry, field) << WORD_SHIFT) >>> 0, problem);
  }
  checkWaiters(layers, report);
  checkOwners(layers, report);
  for (let slot = 0; slot < layers.slots.count; slot++) {
    const word = layers.slots.word(slot, SlotRecord.WATCHED);
    const isFlag = memory.words[word] === 0 || memory.words[word] === 1;
    if (!isFlag) report((word << WORD_SHIFT) >>> 0, `whether slot ${slot} is watched is neither said nor denied`);
  }
}

/** Words of the header that are state, whether each may be what it is, and what it is to be made where it may not. */
export function stateFaults(
  layers: CoreLayers,
): { readonly field: number; readonly isSound: boolean; readonly problem: string; readonly better: number }[] {
  const { memory, geometry, caches, pages } = layers;
  const word = (field: number): number => memory.words[headerWord(geometry, field)];
  const serials = [...caches.kinds()].map((kind) => caches.get(kind, CacheRecord.SERIAL));
  const last = Math.max(0, ...serials);
  const normal = pages.zones[Zone.NORMAL];
  const isShort = (word(Header.PRESSURE) & 1) !== 0;
  // Somewhat more than were in use once.
  const reclaimMax = 2 * (geometry.limitFrame - geometry.firstPageFrame) + 2;
  const reclaimAt = word(Header.RECLAIM_AT);
  const atLeast = (field: number, least: number, problem: string) => ({
    field,
    isSound: word(field) >= least,
    problem: `${problem}: ${word(field)}`,
    better: least,
  });
  return [
    atLeast(Header.GROWTH_COUNT, 1, "the heap cannot have grown so often"),
    atLeast(Header.LATE_DOUBLE_FREES, 0, "frees cannot have been found late so often"),
    atLeast(Header.REQUESTS_SINCE_RECLAIM, 0, "pages cannot have been wanted so often"),
    atLeast(Header.CACHE_SERIAL, last, `the last cache made has the number ${last}, the count says less`),
    {
      field: Header.GROWTH_JOURNAL,
      isSound: word(Header.GROWTH_JOURNAL) === 0,
      problem: "the memory is said to be growing",
      better: 0,
    },
    {
      field: Header.RECLAIM_AT,
      isSound: reclaimAt >= 0 && reclaimAt <= reclaimMax,
      problem: `what lies idle is to be reclaimed at ${reclaimAt} pages, which never are in use`,
      better: 0,
    },
    {
      field: Header.PRESSURE,
      isSound: !isShort || normal.freeFrames <= normal.get(ZoneRecord.HIGH),
      problem: `pages are said to be short while ${normal.freeFrames} are free`,
      better: word(Header.PRESSURE) + 1,
    },
  ];
}

/** Whether a slot waits for memory is said in its record and in a set. */
function checkWaiters({ memory, geometry, slots }: CoreLayers, report: Report): void {
  const waiting = new SlotSet(memory, headerWord(geometry, Header.WAITERS), slots.count);
  for (let slot = 0; slot < slots.count; slot++) {
    const word = slots.word(slot, SlotRecord.TICKET);
    const hasTicket = memory.words[word] !== 0;
    if (waiting.has(slot) === hasTicket && (!hasTicket || slots.isHeld(slot))) continue;
    report((word << WORD_SHIFT) >>> 0, `whether slot ${slot} waits for memory is said in two ways`);
  }
}

/** Whether OWNER of a run is one that there can be while all threads are at rest. */
export function isOwner({ slots }: CoreLayers, kind: number, owner: number): boolean {
  // An engine or a face may leave a mark of its own on its pages.
  if (kind === RunKind.SYSTEM || kind === RunKind.BUCKET || kind === RunKind.VMALLOC) return owner < 0;
  const isClaimed = (owner & RunOwner.CLAIMED) !== 0;
  const slot = (owner & RunOwner.SLOT_MASK) - 1;
  const bits = RunOwner.OWNER_BIT | RunOwner.CLAIMED | RunOwner.SLOT_MASK;
  return (owner & ~bits) === 0 && owner < 0 && slot < slots.count && isClaimed === (kind === RunKind.CACHED);
}

function checkOwners(layers: CoreLayers, report: Report): void {
  const { frames } = layers.pages;
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    const kind = frames.kind(frame);
    if (!isRunHead(kind) || isOwner(layers, kind, frames.owner(frame))) continue;
    report((frames.record(frame) << WORD_SHIFT) >>> 0, "who answers for a run is nobody that there is");
  }
}
