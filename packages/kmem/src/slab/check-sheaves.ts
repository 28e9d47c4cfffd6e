import type { Report } from "../memory/finding.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FrameKind, KIND_COUNT, RunKind } from "../pages/layout.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import type { CacheTable } from "./cache-table.ts";
import {
  AreaWord,
  CACHES_PER_GROUP_MASK,
  CACHES_PER_GROUP_SHIFT,
  CacheRecord,
  FULL,
  GROUP_SHEAF_SHIFT,
  SENTINEL_WORDS,
} from "./layout.ts";
import type { Sheaves } from "./sheaf.ts";
import { CLASS_COUNT } from "./size-classes.ts";

/** What the check of the sheaves reads. */
export interface SheafCheckContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly sheaves: Sheaves;
}

/**
 * Verifies that each sheaf stands where it belongs, between its two sentinels, and that its top lies between them.
 * Returns the addresses in the sheaves that do.
 */
export function checkSheaves(context: SheafCheckContext, sound: ReadonlySet<number>, report: Report): Set<number> {
  const { memory, geometry, caches, sheaves } = context;
  const { words } = memory;
  const empty = geometry.baseFrame << PAGE_SHIFT;
  const closed = sheaves.areaWord + AreaWord.CLOSED;
  const inSheaf = new Set<number>();
  if (words[closed] !== empty || words[closed + 1] !== FULL) {
    report((closed << WORD_SHIFT) >>> 0, "the sheaf of those that have none is not empty and full");
  }
  checkGroups(context, report);
  let next: number = sheaves.areaWord + AreaWord.SHEAVES;
  for (let kind = 0; kind < KIND_COUNT; kind++) {
    const topWord = sheaves.areaWord + AreaWord.TOPS + kind;
    const top = words[topWord];
    const isClass = kind >= FrameKind.FIRST_CACHE && kind < FrameKind.FIRST_CACHE + CLASS_COUNT;
    if (!isClass && top === closed) continue;
    const address = (topWord << WORD_SHIFT) >>> 0;
    const bottom = isClass ? next : groupSheaf(context, kind);
    if (isClass) next += caches.get(kind, CacheRecord.CAPACITY) + SENTINEL_WORDS;
    if (!sound.has(kind) || bottom === undefined) {
      if (!isClass) report(address, `there is a sheaf of kind ${kind}, which has none`);
      continue;
    }
    const full = bottom + caches.get(kind, CacheRecord.CAPACITY) + 1;
    const name = caches.name(kind);
    if (top < bottom || top >= full) report(address, `the top of the sheaf of ${name} is not in it`);
    else if (words[bottom] !== empty || words[full] !== FULL) report(address, `the sheaf of ${name} has lost an end`);
    else if (words.subarray(bottom + 1, full).includes(FULL))
      report(address, `the sheaf of ${name} has an end too many`);
    else collect(context, kind, words.subarray(bottom + 1, top + 1), inSheaf, report);
  }
  return inSheaf;
}

/** Where the sheaf of a cache made by hand begins; undefined for kinds without one. */
function groupSheaf({ memory, sheaves, caches, pages }: SheafCheckContext, kind: number): number | undefined {
  if (!caches.isUsed(kind)) return undefined;
  const page = memory.words[sheaves.areaWord + AreaWord.GROUPS + (kind >>> CACHES_PER_GROUP_SHIFT)] >>> 0;
  if (page === 0 || pages.frames.kind(page >>> PAGE_SHIFT) !== RunKind.SYSTEM) return undefined;
  return (page >>> WORD_SHIFT) + ((kind & CACHES_PER_GROUP_MASK) << GROUP_SHEAF_SHIFT);
}

function checkGroups({ memory, sheaves, pages }: SheafCheckContext, report: Report): void {
  const first = sheaves.areaWord + AreaWord.GROUPS;
  for (let group = 0; group < KIND_COUNT >>> CACHES_PER_GROUP_SHIFT; group++) {
    const page = memory.words[first + group] >>> 0;
    if (page === 0) continue;
    if (page % PAGE_SIZE === 0 && pages.frames.kind(page >>> PAGE_SHIFT) === RunKind.SYSTEM) continue;
    report(((first + group) << WORD_SHIFT) >>> 0, `the page of the sheaves of group ${group} is no page of a slot`);
  }
}

function collect(
  { caches, pages }: SheafCheckContext,
  kind: number,
  entries: Int32Array,
  inSheaf: Set<number>,
  report: Report,
): void {
  for (const entry of entries) {
    const address = entry >>> 0;
    if (inSheaf.has(address)) report(address, "a block is in the sheaves twice");
    inSheaf.add(address);
    if (pages.frames.kind(address >>> PAGE_SHIFT) !== kind) {
      report(address, `the sheaf of ${caches.name(kind)} holds a block of another kind`);
    }
  }
}
