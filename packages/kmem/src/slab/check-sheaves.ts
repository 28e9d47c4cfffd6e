import type { Report } from "../memory/finding.ts";
import { type BlockShapes, type Geometry, headerWord } from "../memory/header.ts";
import { Header, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, KIND_COUNT, RunKind, RunOwner } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import { type Barns, barnCapacity } from "./barn.ts";
import type { CacheTable } from "./cache-table.ts";
import {
  AreaWord,
  CACHES_PER_SHEAF_PAGE_MASK,
  CACHES_PER_SHEAF_PAGE_SHIFT,
  CacheRecord,
  FIRST_SHEAF_WORD,
  FULL,
  isCached,
  NAMED_SHEAF_SHIFT,
  SENTINEL_WORDS,
  Tag,
} from "./layout.ts";
import type { Sheaves } from "./sheaf.ts";
import { CLASS_COUNT, classBytes, smallCapacity } from "./size-classes.ts";
import { tagIndex } from "./tags.ts";

/** What the check of the sheaves reads: the sheaves of every slot that has some. */
export interface SheafCheckContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly barns: Barns;
  readonly allSheaves: ReadonlyMap<number, Sheaves>;
  /** Whether two threads may have freed a block at once, so that entries of sheaves may be of blocks elsewhere. */
  readonly mayBeStale: boolean;
}

/** Free blocks that are in no slab, by address: the tag that they must have. */
export type OutsideSlabs = Map<number, number>;

/** Verifies the sheaves of all slots and the barns; returns the blocks in those that are sound. */
export function checkSheaves(context: SheafCheckContext, sound: ReadonlySet<number>, report: Report): OutsideSlabs {
  const found: OutsideSlabs = new Map();
  for (const [slot, sheaves] of context.allSheaves) {
    checkSlot({ ...context, sheaves, tag: Tag.FIRST_CACHED + slot }, sound, found, report);
  }
  checkBarns(context, sound, found, report);
  return found;
}

/** The same for one slot. */
interface SlotContext extends SheafCheckContext {
  readonly sheaves: Sheaves;
  readonly tag: number;
}

/** Each sheaf stands where it belongs, between its two sentinels, and its top lies between them. */
function checkSlot(context: SlotContext, sound: ReadonlySet<number>, found: OutsideSlabs, report: Report): void {
  const { memory, geometry, caches, sheaves } = context;
  const { words } = memory;
  const empty = geometry.baseFrame << PAGE_SHIFT;
  const closed = sheaves.areaWord + AreaWord.DUMMY_SHEAF;
  if (words[closed] !== empty || words[closed + 1] !== FULL) {
    report((closed << WORD_SHIFT) >>> 0, "the sheaf of those that have none is not empty and full");
  }
  checkGroups(context, report);
  checkRemoteSheaves(context, sound, found, report);
  let next: number = sheaves.areaWord + FIRST_SHEAF_WORD;
  for (let kind = 0; kind < KIND_COUNT; kind++) {
    const topWord = sheaves.areaWord + AreaWord.TOPS + kind;
    const top = sheaves.top(kind);
    const isClass = kind >= FrameKind.FIRST_CACHE && kind < FrameKind.FIRST_CACHE + CLASS_COUNT;
    if (!isClass && top === closed) continue;
    const address = (topWord << WORD_SHIFT) >>> 0;
    const bottom = isClass ? next : groupSheaf(context, kind);
    if (isClass) next += sheaves.capacity(kind) + SENTINEL_WORDS;
    if (!sound.has(kind) || bottom === undefined) {
      if (!isClass) report(address, `there is a sheaf of kind ${kind}, which has none`);
      continue;
    }
    const full = bottom + sheaves.capacity(kind) + 1;
    const name = caches.name(kind);
    if (top < bottom || top >= full) report(address, `the top of the sheaf of ${name} is not in it`);
    else if (words[bottom] !== empty || words[full] !== FULL) report(address, `the sheaf of ${name} has lost an end`);
    else if (words.subarray(bottom + 1, full).includes(FULL) || words.subarray(bottom + 1, top + 1).includes(empty))
      report(address, `the sheaf of ${name} has an end too many`);
    else collect(context, kind, words.subarray(bottom + 1, top + 1), context.tag, found, report);
  }
}

/** Remote sheaves stand between their sentinels, and above their tops there is nothing. */
function checkRemoteSheaves(
  context: SlotContext,
  sound: ReadonlySet<number>,
  found: OutsideSlabs,
  report: Report,
): void {
  const { memory, geometry, caches, sheaves } = context;
  const { words } = memory;
  const { remoteSheaves } = sheaves;
  const run = words[sheaves.areaWord + AreaWord.REMOTE_PAGES] >>> 0;
  if (run !== 0 && !isOwnRun(context, run)) {
    const address = ((sheaves.areaWord + AreaWord.REMOTE_PAGES) << WORD_SHIFT) >>> 0;
    report(address, "the pages of the remote sheaves are no pages of a slot");
    return;
  }
  const closed = sheaves.areaWord + AreaWord.DUMMY_SHEAF;
  for (let kind = 0; kind < KIND_COUNT; kind++) {
    const topWord = sheaves.areaWord + AreaWord.REMOTE_TOPS + kind;
    const address = (topWord << WORD_SHIFT) >>> 0;
    const bottom = remoteSheaves.bottom(kind);
    if (bottom === 0) {
      if (words[topWord] !== closed) report(address, `there is a remote sheaf of kind ${kind}, which has none`);
      continue;
    }
    if (!sound.has(kind)) continue;
    const full = bottom + caches.get(kind, CacheRecord.CAPACITY) + 1;
    const top = words[topWord] === closed ? remoteSheaves.top(kind) : words[topWord];
    const isWhole = words[bottom] === geometry.baseFrame << PAGE_SHIFT && words[full] === FULL;
    const isEmptyAbove = words.subarray(top + 1, full).every((entry) => entry === 0);
    const hasGap = words.subarray(bottom + 1, top + 1).includes(0);
    if (top < bottom || top >= full || !isWhole || !isEmptyAbove || hasGap) {
      report(address, `the remote sheaf of ${caches.name(kind)} is damaged`);
    } else collect(context, kind, words.subarray(bottom + 1, top + 1), context.tag, found, report);
  }
}

/** Barns are of caches that have one, hold no more than they have room for, and lie in the heap's own pages. */
function checkBarns(context: SheafCheckContext, sound: ReadonlySet<number>, found: OutsideSlabs, report: Report): void {
  const { memory, geometry, pages, caches, barns } = context;
  const run = memory.words[headerWord(geometry, Header.BARNS)] >>> 0;
  let next = run >>> WORD_SHIFT;
  if (run !== 0 && pages.frames.owner(run >>> PAGE_SHIFT) !== RunOwner.HEAP) {
    report(run, "the pages of the barns are not the heap's");
  }
  for (const kind of caches.kinds()) {
    const isClass = kind < FrameKind.FIRST_CACHE + CLASS_COUNT;
    const word = caches.get(kind, CacheRecord.BARN);
    const record = (caches.record(kind) << WORD_SHIFT) >>> 0;
    if (word !== (isClass ? next : 0)) {
      report(record, `the barn of ${caches.name(kind)} is not where it belongs`);
      return;
    }
    if (isClass && run !== 0) next += barnWords(kind - FrameKind.FIRST_CACHE, geometry);
    if (word === 0 || !sound.has(kind)) continue;
    const owner = pages.frames.kind(word >>> (PAGE_SHIFT - WORD_SHIFT));
    const isRun = owner === RunKind.SYSTEM || owner === RunKind.SYSTEM + 1;
    const room = barnCapacity(caches.get(kind, CacheRecord.CAPACITY));
    const count = isRun ? barns.count(kind) : -1;
    if (count < 0 || count > room) {
      report(record, `the barn of ${caches.name(kind)} holds ${count} blocks of ${room}`);
      continue;
    }
    collect(context, kind, barns.entries(kind), Tag.IN_BARN, found, report);
  }
}

/** Words of the barn of a size class: the count of its entries, and room for them. */
function barnWords(classIndex: number, shapes: BlockShapes): number {
  return 1 + barnCapacity(smallCapacity(classBytes(classIndex), shapes));
}

/** Where the sheaf of a named cache begins; undefined for kinds without one. */
function groupSheaf({ memory, sheaves, caches, pages }: SlotContext, kind: number): number | undefined {
  if (!caches.isUsed(kind)) return undefined;
  const page =
    memory.words[sheaves.areaWord + AreaWord.NAMED_SHEAF_PAGES + (kind >>> CACHES_PER_SHEAF_PAGE_SHIFT)] >>> 0;
  if (page === 0 || pages.frames.kind(page >>> PAGE_SHIFT) !== RunKind.SYSTEM) return undefined;
  return (page >>> WORD_SHIFT) + ((kind & CACHES_PER_SHEAF_PAGE_MASK) << NAMED_SHEAF_SHIFT);
}

/** Whether an address is that of a run of pages which the slot has for itself. */
function isOwnRun({ pages, tag }: SlotContext, address: number): boolean {
  const frame = address / PAGE_SIZE;
  const isRun = Number.isInteger(frame) && pages.frames.kind(frame) === RunKind.SYSTEM;
  return isRun && pages.frames.ownerSlot(frame) === tag - Tag.FIRST_CACHED;
}

function checkGroups(context: SlotContext, report: Report): void {
  const { memory, sheaves } = context;
  const first = sheaves.areaWord + AreaWord.NAMED_SHEAF_PAGES;
  for (let group = 0; group < KIND_COUNT >>> CACHES_PER_SHEAF_PAGE_SHIFT; group++) {
    const page = memory.words[first + group] >>> 0;
    if (page === 0) continue;
    if (isOwnRun(context, page)) continue;
    report(((first + group) << WORD_SHIFT) >>> 0, `the page of the sheaves of group ${group} is no page of a slot`);
  }
}

function collect(
  { memory, geometry, caches, pages, mayBeStale }: SheafCheckContext,
  kind: number,
  entries: Iterable<number>,
  tag: number,
  found: OutsideSlabs,
  report: Report,
): void {
  const kindAt = (address: number): number => pages.frames.kind(address >>> PAGE_SHIFT);
  const tagAt = (address: number): number => memory.bytes[tagIndex(geometry, address)];
  for (const entry of entries) {
    const address = entry >>> 0;
    const isInHeap = address >= geometry.baseFrame * PAGE_SIZE && address < geometry.coveredEndFrame * PAGE_SIZE;
    // A block that two threads freed at once is in two sheaves, or twice in one slot, and good in one place. It may
    // have left that place since, and its page be another cache's by now. The other entries are dropped in time.
    const isSound = isInHeap && tagAt(address) === tag && kindAt(address) === kind;
    if (isInHeap && !isSound && isCached(tag) && (mayBeStale || isCached(tagAt(address)))) continue;
    if (found.has(address) && tag === Tag.IN_BARN) report(address, "a block is in the barn twice");
    found.set(address, tag);
    if (kindAt(address) !== kind) {
      report(address, `the sheaf of ${caches.name(kind)} holds a block of another kind`);
    }
  }
}
