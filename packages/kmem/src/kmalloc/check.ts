import { hex, KmemError } from "../memory/errors.ts";
import { type Finding, type Report, reporter } from "../memory/finding.ts";
import { headerWord, readHeader } from "../memory/header.ts";
import { GRANULE, Header, HeapFlag, MAX_SLOT_COUNT, PAGE_SIZE, WORD_BYTES } from "../memory/layout.ts";
import { checkPages } from "../pages/check.ts";
import { checkPcpLists } from "../pages/check-caches.ts";
import { FrameKind, RunKind } from "../pages/layout.ts";
import { tableFault } from "../pages/moving-tables.ts";
import { checkSlabs } from "../slab/check.ts";
import { isLive, Tag } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import { SLOT_RECORD_BYTES } from "../sync/layout.ts";
import { checkLocks, checkState } from "./check-state.ts";
import { allSheaves, type CoreLayers, type Layers } from "./layers.ts";

/** What a check found. */
export interface CheckReport {
  /** Whether nothing was found. */
  readonly isClean: boolean;
  /** All that was found. */
  readonly findings: readonly Finding[];
}

/** As {@link checkCore}, for a thread that has a slot of the heap: also that it still has it. */
export function checkLayers(layers: Layers): CheckReport {
  const { findings } = checkCore(layers);
  const own: Finding[] = [];
  checkOwnSlot(layers, reporter(own, "kmalloc"));
  return { isClean: findings.length + own.length === 0, findings: [...findings, ...own] };
}

/** Verifies every invariant of every layer while no thread works. Reads only; ends on any bytes. O(heap). */
export function checkCore(layers: CoreLayers): CheckReport {
  const findings: Finding[] = [];
  checkHeader(layers, reporter(findings, "header"));
  // Without a sound end nothing says which frames there are.
  if (hasSoundEnd(layers)) {
    checkPages(layers.pages, reporter(findings, "pages"));
    const sheaves = allSheaves(layers);
    checkSlabs({ ...layers, allSheaves: sheaves, mayBeStale: mayBeStale(layers) }, reporter(findings, "slab"));
    checkRunTags(layers, reporter(findings, "kmalloc"));
    checkSlots(layers, reporter(findings, "kmalloc"));
    checkLocks(layers, reporter(findings, "kmalloc"));
    checkState(layers, reporter(findings, "kmalloc"));
    checkPcpLists(
      layers.pages.frames,
      new Map([...sheaves].map(([slot, { pcpWord }]) => [slot, pcpWord])),
      reporter(findings, "pages"),
    );
  }
  return { isClean: findings.length === 0, findings };
}

function checkHeader(layers: CoreLayers, report: Report): void {
  const start = layers.geometry.baseFrame * PAGE_SIZE;
  try {
    readHeader(layers.memory, start);
  } catch (error) {
    if (!(error instanceof KmemError)) throw error;
    report(start, error.message);
  }
  const fault = tableFault(layers.memory, layers.geometry);
  if (fault !== undefined) report(start, fault);
}

/** Whether several threads have worked on the heap, in the mode in which simultaneous double frees are found later. */
export function mayBeStale({ memory, geometry, slots }: CoreLayers): boolean {
  if ((memory.words[headerWord(geometry, Header.FLAGS)] & HeapFlag.EXACT_FREES) !== 0) return false;
  const generations = Array.from({ length: slots.count }, (_, slot) => slots.generation(slot));
  return generations.reduce((sum, generation) => sum + generation, 0) > 1;
}

function hasSoundEnd({ memory, geometry, pages }: CoreLayers): boolean {
  const { endFrame } = pages.frames;
  const isWithin = endFrame >= geometry.firstPageFrame && endFrame <= geometry.coveredEndFrame;
  return isWithin && endFrame * PAGE_SIZE <= memory.byteLength;
}

/** Slots are in states that there are, what they name as private pages is theirs, and each live block is of a slot. */
function checkSlots(layers: CoreLayers, report: Report): void {
  const { memory, geometry, pages, slots } = layers;
  const { frames } = pages;
  for (let number = 0; number < slots.count; number++) {
    const area = slots.area(number);
    const address = geometry.slotTable + number * SLOT_RECORD_BYTES;
    if (!slots.hasSoundState(number)) report(address, `slot ${number} is in no state that there is`);
    if (!slots.hasSoundMembership(number)) report(address, `whether slot ${number} is held is said in two ways`);
    if (area === 0) continue;
    const isRun = area % PAGE_SIZE === 0 && frames.kind(area / PAGE_SIZE) === RunKind.SYSTEM;
    const isPrivate = isRun && frames.ownerSlot(area / PAGE_SIZE) === number;
    if (!isPrivate) report(address, `the private pages of slot ${number} are said to be at ${hex(area)}`);
    // A dead slot keeps its private pages until it is reaped.
    if (!slots.isHeld(number) && !slots.isDead(number))
      report(address, `slot ${number} has private pages and is not held`);
  }
  const numbers = Array.from({ length: slots.count }, (_, number) => number);
  const takenCount = numbers.filter((number) => slots.isInTakenSet(number)).length;
  if (numbers.every((number) => slots.hasSoundMembership(number)) && slots.takenCount !== takenCount) {
    report(headerWord(geometry, Header.TAKEN_SLOTS) * WORD_BYTES, "the set of held slots has one that there is not");
  }
  const wasHeld = Array.from({ length: MAX_SLOT_COUNT }, (_, number) => slots.generation(number) > 0);
  const firstTag = tagIndex(geometry, geometry.firstPageFrame * PAGE_SIZE);
  const tags = memory.bytes.subarray(firstTag, tagIndex(geometry, frames.endFrame * PAGE_SIZE));
  const words = new Int32Array(tags.buffer, tags.byteOffset, tags.length / WORD_BYTES);
  for (let granule = 0; granule < tags.length; granule++) {
    if (granule % WORD_BYTES === 0 && words[granule / WORD_BYTES] === 0) {
      granule += WORD_BYTES - 1;
      continue;
    }
    if (!isLive(tags[granule]) || wasHeld[tags[granule] - 1]) continue;
    const address = geometry.firstPageFrame * PAGE_SIZE + granule * GRANULE;
    report(address, `a block is of slot ${tags[granule] - 1}, which was never held`);
  }
}

function checkOwnSlot({ geometry, slots, sheaves, slot, sync }: Layers, report: Report): void {
  const address = geometry.slotTable + slot * SLOT_RECORD_BYTES;
  const isOwn = slots.isHeld(slot) && slots.generation(slot) === sync.generation;
  if (!isOwn) report(address, `slot ${slot} is in use and not held`);
  if (slots.area(slot) !== sheaves.areaWord * WORD_BYTES) report(address, `slot ${slot} has lost its pages`);
}

/** Outside of slabs a tag may stand in one place only: at the start of a live block that is a run of pages. */
function checkRunTags(layers: CoreLayers, report: Report): void {
  const { memory, geometry, pages } = layers;
  const { bytes } = memory;
  if (bytes[geometry.tagTable] !== Tag.RESERVED) report(geometry.tagTable, "the header's tag is not reserved");
  const tableTags = bytes.subarray(geometry.tagTable + 1, tagIndex(geometry, geometry.firstPageFrame * PAGE_SIZE));
  if (tableTags.some((tag) => tag !== Tag.NONE)) report(geometry.tagTable, "a tag stands where the tables are");
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    const kind = pages.frames.kind(frame);
    if (kind >= FrameKind.FIRST_CACHE) continue;
    const address = frame * PAGE_SIZE;
    const first = tagIndex(geometry, address);
    for (let granule = 0; granule < PAGE_SIZE / GRANULE; granule++) {
      const tag = bytes[first + granule];
      const isBlockStart = kind === RunKind.LARGE_BLOCK && granule === 0;
      if (isBlockStart && !isLive(tag)) report(address, "a run of pages for a block carries no live tag");
      if (!isBlockStart && tag !== Tag.NONE)
        report(address + granule * GRANULE, `a tag (${tag}) where no block starts`);
    }
  }
}
