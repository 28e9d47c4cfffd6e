import type { CoreLayers, Layers } from "../kmalloc/layers.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { FrameKind, KIND_COUNT, RunKind, RunOwner } from "../pages/layout.ts";
import { areaPages, isAreaLength, isLargeArea } from "../slab/area.ts";
import { AreaWord, FIRST_SHEAF_WORD, FULL, isCached, isLive, SENTINEL_WORDS, Tag } from "../slab/layout.ts";
import { CLASS_COUNT, sheafCapacity } from "../slab/size-classes.ts";
import { tagIndex } from "../slab/tags.ts";
import { SLOT_SET_SHIFT, SlotRecord, SlotState } from "../sync/layout.ts";
import { SlotSet } from "../sync/slot-set.ts";
import { stateOf, stateWord } from "../sync/state-word.ts";
import type { RepairContext } from "./context.ts";

/** What a thread knows of its own slot, whatever the tables say. */
export type OwnSlot = Pick<Layers, "slot" | "sheaves" | "sync">;

/** Address of the private pages of a thread's own slot. */
function ownArea({ sheaves }: OwnSlot): number {
  return sheaves.areaWord * WORD_BYTES;
}

/**
 * Repairs the table of slots; returns the areas of those that are held. A slot is held if two of three say so: its
 * state, its area, the set of taken slots. A held slot without an area is given up: its thread is told DETACHED.
 */
export function repairSlots(context: RepairContext, own: OwnSlot | undefined): Map<number, number> {
  const { layers, kmallocLog } = context;
  const { memory, geometry, slots } = layers;
  const { words } = memory;
  const takenWord = headerWord(geometry, Header.TAKEN_SLOTS);
  const takenSet = new SlotSet(memory, takenWord, slots.count);
  const waiting = new SlotSet(memory, headerWord(geometry, Header.WAITERS), slots.count);
  const slotsInTags = slotsOfTags(layers);
  const areas = new Map<number, number>();
  if (own !== undefined) areas.set(own.slot, ownArea(own));
  for (let slot = 0; slot < slots.count; slot++) {
    const record = words.subarray(slots.word(slot, 0), slots.word(slot + 1, 0));
    const before = record.slice();
    const area = own?.slot === slot ? ownArea(own) : areaOf(layers, slot, takenSet.has(slot), new Set(areas.values()));
    let state: number = SlotState.HELD;
    if (area === 0) {
      // Nobody holds a slot without an area.
      const keepsState = slots.isDead(slot) || (slots.isTaken(slot) && !slots.isHeld(slot));
      state = keepsState ? stateOf(record[SlotRecord.STATE]) : SlotState.FREE;
    } else {
      areas.set(slot, area);
    }
    record[SlotRecord.AREA] = area;
    let generation = slots.generation(slot);
    if (generation === 0 && (state !== SlotState.FREE || slotsInTags.has(slot))) generation = 1;
    if (own?.slot === slot) generation = own.sync.generation;
    record[SlotRecord.STATE] = stateWord(generation, state);
    if (record[SlotRecord.WATCHED] !== 1) record[SlotRecord.WATCHED] = 0;
    // A repair without a slot of its own (`own` undefined) is that of a dump, where no thread works, so there are no
    // waiters; nor has a slot without an area any.
    if (own === undefined || area === 0 || !waiting.has(slot)) record[SlotRecord.TICKET] = 0;
    if (record[SlotRecord.TICKET] === 0) waiting.remove(slot);
    const isChanged = record.some((word, index) => word !== before[index]);
    if (isChanged) kmallocLog.done(slots.word(slot, 0) * WORD_BYTES, `the record of slot ${slot} was repaired`);
  }
  words.fill(0, takenWord, takenWord + setWords(slots.count));
  for (let slot = 0; slot < slots.count; slot++) {
    if (slots.isTaken(slot) || slots.isDead(slot)) takenSet.add(slot);
  }
  return areas;
}

function setWords(slotCount: number): number {
  return ((slotCount - 1) >>> SLOT_SET_SHIFT) + 1;
}

/** Slots that tags name, live or in a sheaf. */
function slotsOfTags({ memory, geometry, pages }: CoreLayers): Set<number> {
  const first = tagIndex(geometry, geometry.firstPageFrame * PAGE_SIZE);
  const tags = new Set(memory.bytes.subarray(first, tagIndex(geometry, pages.frames.endFrame * PAGE_SIZE)));
  return new Set(
    [...tags]
      .filter((tag) => isLive(tag) || isCached(tag))
      .map((tag) => (isLive(tag) ? tag - 1 : tag - Tag.FIRST_CACHED)),
  );
}

/** Address of the area of a slot that is held, 0 for all others; none of the areas that are `assigned` already. */
function areaOf(layers: CoreLayers, slot: number, isInSet: boolean, assigned: ReadonlySet<number>): number {
  const { slots, pages } = layers;
  const isHeld = slots.isHeld(slot);
  const recordedArea = slots.area(slot);
  if (isArea(layers, recordedArea) && !assigned.has(recordedArea)) return isHeld || isInSet ? recordedArea : 0;
  if (!isHeld || !isInSet) return 0;
  const { frames } = pages;
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    const address = frame * PAGE_SIZE;
    if (isArea(layers, address) && frames.ownerSlot(frame) === slot && !assigned.has(address)) return address;
  }
  return 0;
}

/** Whether an address is that of a run that can be the private pages of a slot. */
function isArea({ geometry, pages }: CoreLayers, address: number): boolean {
  const frame = address / PAGE_SIZE;
  if (geometry.hasMovingTables && frame === geometry.tablesFirstFrame) return false;
  if (!Number.isInteger(frame) || pages.frames.kind(frame) !== RunKind.SYSTEM) return false;
  return isAreaLength(pages.frames.count(frame), geometry);
}

/**
 * Restores the frame records of the slots' private pages: for the thread's own slot unconditionally, for others if the
 * slot's record, COUNT and OWNER agree.
 */
export function restoreAreas(context: RepairContext, own: OwnSlot | undefined): void {
  const { slots, pages, geometry } = context.layers;
  const { frames } = pages;
  if (own !== undefined) {
    restoreArea(context, own.slot, ownArea(own) / PAGE_SIZE, areaPages(own.sheaves.isLarge, geometry));
  }
  for (const slot of slots.withAreas()) {
    const head = slots.area(slot) / PAGE_SIZE;
    const count = frames.count(head);
    const isArea = isAreaLength(count, geometry) && frames.ownerSlot(head) === slot;
    if (isArea && Number.isInteger(head) && !context.trusted.hasAny(head, count))
      restoreArea(context, slot, head, count);
  }
}

function restoreArea({ layers, trusted, pagesLog }: RepairContext, slot: number, head: number, count: number): void {
  const { frames } = layers.pages;
  const isWhole = Array.from({ length: count }, (_, page) => frames.kind(head + page)).every(
    (kind, page) => kind === (page === 0 ? RunKind.SYSTEM : RunKind.SYSTEM + 1),
  );
  if (!isWhole || frames.count(head) !== count) {
    pagesLog.done(head * PAGE_SIZE, `${count} pages are the private pages of slot ${slot} again`);
  }
  frames.setRun(head, count, RunKind.SYSTEM);
  frames.setCount(head, count);
  frames.setOwner(head, RunOwner.OWNER_BIT | (slot + 1));
  trusted.add(head, count);
}

/** Formats the area of a slot: empty sheaves, no remote sheaves, no sheaves of named caches, no cached pages. */
export function formatArea({ memory, geometry, pages }: CoreLayers, area: number): void {
  const { words } = memory;
  const areaWord = area >>> WORD_SHIFT;
  const empty = geometry.baseFrame << PAGE_SHIFT;
  const closed = areaWord + AreaWord.DUMMY_SHEAF;
  const isLarge = isLargeArea(pages.frames.count(area / PAGE_SIZE), geometry);
  words.fill(0, areaWord, areaWord + FIRST_SHEAF_WORD);
  words[closed] = empty;
  words[closed + 1] = FULL;
  words.fill(closed, areaWord + AreaWord.TOPS, areaWord + AreaWord.TOPS + KIND_COUNT);
  words.fill(closed, areaWord + AreaWord.REMOTE_TOPS, areaWord + AreaWord.REMOTE_TOPS + KIND_COUNT);
  let bottom: number = areaWord + FIRST_SHEAF_WORD;
  for (let index = 0; index < CLASS_COUNT; index++) {
    const capacity = sheafCapacity(index, isLarge, geometry);
    words[bottom] = empty;
    words.fill(0, bottom + 1, bottom + 1 + capacity);
    words[bottom + 1 + capacity] = FULL;
    words[areaWord + AreaWord.TOPS + FrameKind.FIRST_CACHE + index] = bottom;
    bottom += capacity + SENTINEL_WORDS;
  }
}
