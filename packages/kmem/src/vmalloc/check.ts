import type { Report } from "../memory/finding.ts";
import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import type { EngineContext } from "../pages/engine-lock.ts";
import { FrameKind } from "../pages/layout.ts";
import { checkArena } from "../vmem/check.ts";
import type { Range } from "../vmem/ranges.ts";
import { Vmem } from "../vmem/vmem.ts";
import { addressOfPage, kindOfArea, slotOfArea } from "./areas.ts";
import {
  ARENA_OFFSET,
  ARENA_RECORDS_OFFSET,
  PAGE_PRESENT,
  PAGE_TABLE_ENTRIES,
  PAGE_TABLE_SHIFT,
  VMALLOC_MAGIC,
  VMALLOC_RUN,
  VmAreaKind,
  VmAreaRecord,
  VmallocRoot,
} from "./layout.ts";

/** Pages that are not there are told of one area up to here; then its size is no size. */
const MISSING_MAX = 256;

/** What the parts of a check share. */
interface Check {
  readonly context: EngineContext;
  readonly report: Report;
  /** Index in `words` of the root page. */
  readonly root: number;
  /** Frames that something here owns; none may be owned twice. */
  readonly owned: Set<number>;
  /** Frames by virtual page, as the page tables map them. */
  readonly mapped: Map<number, number>;
}

/** Verifies the virtual memory of an anchor. Where the root or the arena is damaged, what hangs on it is left out. */
export function checkVmalloc(context: EngineContext, anchorAddress: number, report: Report): void {
  const { words } = context.memory;
  const rootAddress = words[anchorAddress >>> WORD_SHIFT] >>> 0;
  const root = rootAddress >>> WORD_SHIFT;
  if (!isSystemPage(context, rootAddress) || words[root + VmallocRoot.MAGIC] !== VMALLOC_MAGIC) {
    report(anchorAddress, `the anchor leads to ${rootAddress}, where no virtual memory has its root`);
    return;
  }
  const check: Check = { context, report, root, owned: new Set(), mapped: new Map() };
  own(check, rootAddress, anchorAddress);
  if (!checkDirectory(check)) return;
  let problemCount = 0;
  checkArena(context.memory, rootAddress + ARENA_OFFSET, (address, problem) => {
    problemCount++;
    report(address, problem);
  });
  if (problemCount > 0) return;
  const arena = Vmem.attach(context.memory, rootAddress + ARENA_OFFSET);
  checkRecordPages(check, arena, rootAddress);
  checkAreas(check, arena);
}

function isSystemPage({ memory, pages }: EngineContext, address: number): boolean {
  if (address % PAGE_SIZE !== 0 || address + PAGE_SIZE > memory.bytes.length) return false;
  const kind = pages.frames.kind(address >>> PAGE_SHIFT);
  return kind === VMALLOC_RUN || kind === VMALLOC_RUN + 1;
}

/** Notes that a page belongs to virtual memory; `where` is the word that says so. */
function own({ context, report, owned }: Check, address: number, where: number): boolean {
  const frame = address >>> PAGE_SHIFT;
  if (!isSystemPage(context, address)) {
    report(where, `the page at ${address} is used here and not allocated for it`);
    return false;
  }
  if (owned.has(frame)) {
    report(where, `the page at ${address} is used twice`);
    return false;
  }
  owned.add(frame);
  return true;
}

/** Reads every page table; false when the directory itself cannot be read. */
function checkDirectory(check: Check): boolean {
  const { context, report, root } = check;
  const { words } = context.memory;
  const directory = words[root + VmallocRoot.DIRECTORY] >>> 0;
  const pageCount = words[root + VmallocRoot.DIRECTORY_PAGES];
  if (pageCount < 1) {
    report(((root + VmallocRoot.DIRECTORY_PAGES) << WORD_SHIFT) >>> 0, `a directory has ${pageCount} pages`);
    return false;
  }
  for (let page = 0; page < pageCount; page++) {
    if (!own(check, directory + page * PAGE_SIZE, ((root + VmallocRoot.DIRECTORY) << WORD_SHIFT) >>> 0)) return false;
  }
  let tableCount = 0;
  for (let index = 0; index < pageCount << PAGE_TABLE_SHIFT; index++) {
    if (words[(directory >>> WORD_SHIFT) + index] === 0) continue;
    tableCount++;
    checkTable(check, directory + (index << WORD_SHIFT), index);
  }
  expectCount(check, VmallocRoot.TABLE_PAGES, tableCount, "page tables");
  expectCount(check, VmallocRoot.MAPPED_PAGES, check.mapped.size, "mapped pages");
  return true;
}

function checkTable(check: Check, entryAddress: number, index: number): void {
  const { context, report, mapped } = check;
  const { words } = context.memory;
  const entry = words[entryAddress >>> WORD_SHIFT];
  const table = (entry & ~PAGE_MASK) >>> 0;
  if (!own(check, table, entryAddress)) return;
  let count = 0;
  for (let slot = 0; slot < PAGE_TABLE_ENTRIES; slot++) {
    const address = table + (slot << WORD_SHIFT);
    const mapping = words[address >>> WORD_SHIFT];
    if (mapping === 0) continue;
    count++;
    if ((mapping & PAGE_MASK) !== PAGE_PRESENT)
      report(address, `an entry of a page table has the flags ${mapping & PAGE_MASK}`);
    mapped.set(index * PAGE_TABLE_ENTRIES + slot, mapping >>> PAGE_SHIFT);
  }
  const said = entry & PAGE_MASK;
  if (said !== count) report(entryAddress, `a page table has ${count} entries, the directory says ${said}`);
}

function checkRecordPages(check: Check, arena: Vmem, rootAddress: number): void {
  let pageCount = 0;
  for (const table of arena.tables()) {
    if (table === rootAddress + ARENA_RECORDS_OFFSET) continue;
    pageCount++;
    own(check, table, table);
  }
  expectCount(check, VmallocRoot.RECORD_PAGES, pageCount, "pages of records");
}

function checkAreas(check: Check, arena: Vmem): void {
  const { report, mapped, root } = check;
  let areaCount = 0;
  for (const range of arena.ranges()) {
    if (range.isFree) continue;
    areaCount++;
    checkArea(check, range);
  }
  expectCount(check, VmallocRoot.AREA_COUNT, areaCount, "areas");
  for (const page of mapped.keys()) {
    report((root << WORD_SHIFT) >>> 0, `the virtual page at ${addressOfPage(page)} is mapped and in no area`);
  }
}

function checkArea(check: Check, { start, size, ownerWord }: Range): void {
  const { context, mapped } = check;
  const { words } = context.memory;
  const where = (ownerWord << WORD_SHIFT) >>> 0;
  const report = (problem: string): void => check.report(where, `the area at ${addressOfPage(start)} ${problem}`);
  const kind = kindOfArea(words[ownerWord + VmAreaRecord.KIND]);
  const slot = slotOfArea(words[ownerWord + VmAreaRecord.KIND]);
  const pageCount = words[ownerWord + VmAreaRecord.PAGE_COUNT];
  const askedBytes = words[ownerWord + VmAreaRecord.ASKED_BYTES] >>> 0;
  if (kind !== VmAreaKind.VMALLOC && kind !== VmAreaKind.VMAP) report(`is of kind ${kind}`);
  if (slot >= context.geometry.slotCount) report(`is of slot ${slot}, which does not exist`);
  if (pageCount !== size - 1) report(`says it has ${pageCount} pages and takes ${size} with its guard page`);
  if (Math.ceil(askedBytes / PAGE_SIZE) !== pageCount) report(`has ${pageCount} pages for ${askedBytes} bytes`);
  let missing = 0;
  for (let page = start; page < start + size - 1; page++) {
    const frame = mapped.get(page);
    mapped.delete(page);
    if (frame === undefined) {
      report(`has no page at ${addressOfPage(page)}`);
      // A damaged size may say millions.
      if (++missing > MISSING_MAX) return;
    } else if (kind === VmAreaKind.VMALLOC) own(check, frame * PAGE_SIZE, where);
    else if (context.pages.frames.kind(frame) < FrameKind.FIRST_RUN) report(`maps frame ${frame}, which is not in use`);
  }
  if (mapped.delete(start + size - 1)) report("has a guard page that is mapped");
}

function expectCount({ context, report, root }: Check, field: number, counted: number, what: string): void {
  const said = context.memory.words[root + field];
  if (said !== counted)
    report(((root + field) << WORD_SHIFT) >>> 0, `there are ${counted} ${what}, the count says ${said}`);
}
