import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { EngineContext } from "../pages/engine-lock.ts";
import { OwnerMark, RunOwner } from "../pages/layout.ts";
import { type Range, rangesOf, requireArena } from "../vmem/ranges.ts";
import { rebuildArena } from "../vmem/rebuild.ts";
import { Records } from "../vmem/records.ts";
import { kindOfArea } from "./areas.ts";
import {
  ARENA_OFFSET,
  ARENA_RECORDS_OFFSET,
  PAGE_TABLE_ENTRIES,
  PAGE_TABLE_SHIFT,
  VMALLOC_RUN,
  VmAreaKind,
  VmAreaRecord,
  VmallocRoot,
} from "./layout.ts";

/** What the parts of a repair share. */
interface Repair {
  readonly context: EngineContext;
  /** First frames of the runs that some root, directly or not, names. */
  readonly named: Set<number>;
}

/**
 * Makes all virtual memory of a heap whole after a thread has died under its lock, which the caller holds: areas are
 * there or are not, counts are made from what there is, and pages that nothing names are given back. Others go on
 * reading and writing their areas meanwhile. A thread that dies on the way leaves what the next call repairs.
 * O(frames).
 */
export function repairVirtualMemory(context: EngineContext): void {
  const { pages } = context;
  const repair: Repair = { context, named: new Set() };
  for (const rootAddress of rootsOf(context)) repairRoot(repair, rootAddress);
  // One that is claimed is on its way back already; if its thread is dead, its slot's reaping ends that.
  for (const frame of heads(context)) {
    const owner = pages.frames.owner(frame);
    const isClaimed = owner !== OwnerMark.VMALLOC_ROOT && (owner & RunOwner.CLAIMED) !== 0;
    if (!isClaimed && !repair.named.has(frame)) pages.freeExclusive(frame, pages.frames.count(frame));
  }
}

/** Addresses of the root pages of all virtual memory of a heap. */
export function* rootsOf(context: EngineContext): Generator<number> {
  const { memory, pages } = context;
  for (const frame of heads(context)) {
    if (pages.frames.owner(frame) !== OwnerMark.VMALLOC_ROOT) continue;
    const root = (frame * PAGE_SIZE) >>> WORD_SHIFT;
    const anchor = (memory.words[root + VmallocRoot.ANCHOR] >>> 0) >>> WORD_SHIFT;
    if (memory.words[anchor] >>> 0 === frame * PAGE_SIZE) yield frame * PAGE_SIZE;
  }
}

/** First frames of the runs of virtual memory. */
function* heads({ pages: { frames } }: EngineContext): Generator<number> {
  for (let frame = frames.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) === VMALLOC_RUN) yield frame;
  }
}

function repairRoot(repair: Repair, rootAddress: number): void {
  const { context, named } = repair;
  const { memory } = context;
  const { words } = memory;
  const root = rootAddress >>> WORD_SHIFT;
  const arena = rootAddress + ARENA_OFFSET;
  rebuildArena(memory, arena, (owner) => words[owner + VmAreaRecord.KIND] !== VmAreaKind.NONE);
  requireArena(memory, arena);
  const areas = [...rangesOf(memory, arena)].filter(({ isFree }) => !isFree);
  words[root + VmallocRoot.AREA_COUNT] = areas.length;
  named.add(rootAddress >>> PAGE_SHIFT);
  named.add((words[root + VmallocRoot.DIRECTORY] >>> 0) >>> PAGE_SHIFT);
  let recordPages = 0;
  for (const table of new Records(memory, arena >>> WORD_SHIFT).tables()) {
    if (table === rootAddress + ARENA_RECORDS_OFFSET) continue;
    named.add(table >>> PAGE_SHIFT);
    recordPages++;
  }
  words[root + VmallocRoot.RECORD_PAGES] = recordPages;
  repairTables(repair, root, areas);
}

/** Ends the mappings that belong to no area, and the tables that are left without any. */
function repairTables(repair: Repair, root: number, areas: readonly Range[]): void {
  const { context, named } = repair;
  const { words } = context.memory;
  const areaOfPage = new Map<number, Range>();
  for (const area of areas) {
    const end = area.start + words[area.ownerWord + VmAreaRecord.PAGE_COUNT];
    for (let page = area.start; page < end; page++) areaOfPage.set(page, area);
  }
  const directory = (words[root + VmallocRoot.DIRECTORY] >>> 0) >>> WORD_SHIFT;
  const directoryEntries = words[root + VmallocRoot.DIRECTORY_PAGES] << PAGE_TABLE_SHIFT;
  let tablePages = 0;
  for (let index = 0; index < directoryEntries; index++) {
    const table = words[directory + index] & ~PAGE_MASK;
    if (table === 0) continue;
    const entryCount = repairTable(repair, table >>> WORD_SHIFT, index * PAGE_TABLE_ENTRIES, areaOfPage);
    words[directory + index] = entryCount === 0 ? 0 : table | entryCount;
    if (entryCount === 0) continue;
    named.add(table >>> PAGE_SHIFT);
    tablePages++;
  }
  words[root + VmallocRoot.TABLE_PAGES] = tablePages;
  words[root + VmallocRoot.MAPPED_PAGES] = areaOfPage.size;
}

/** Ends the mappings of one table that belong to no area; returns the number of the others, and names their frames. */
function repairTable(
  { context, named }: Repair,
  table: number,
  firstPage: number,
  areaOfPage: ReadonlyMap<number, Range>,
): number {
  const { words } = context.memory;
  let entryCount = 0;
  for (let slot = 0; slot < PAGE_TABLE_ENTRIES; slot++) {
    if (words[table + slot] === 0) continue;
    const area = areaOfPage.get(firstPage + slot);
    if (area === undefined) {
      words[table + slot] = 0;
      continue;
    }
    entryCount++;
    // Pages of vmap stay their owners'.
    if (kindOfArea(words[area.ownerWord + VmAreaRecord.KIND]) === VmAreaKind.VMALLOC)
      named.add(words[table + slot] >>> PAGE_SHIFT);
  }
  return entryCount;
}
