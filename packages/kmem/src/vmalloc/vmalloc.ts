import { isUint32, readList, requireFunction } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { clear } from "../memory/clear.ts";
import { hex, KmemError } from "../memory/errors.ts";
import type { Report } from "../memory/finding.ts";
import { Header, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { type EngineContext, EngineLock } from "../pages/engine-lock.ts";
import { FrameKind, NO_FRAME } from "../pages/layout.ts";
import { tablePages, tablePagesUpTo } from "../pages/moving-tables.ts";
import { NO_RANGE } from "../vmem/layout.ts";
import type { Vmem } from "../vmem/vmem.ts";
import { type AreaOptions, AreaRequest } from "./area-request.ts";
import { addressOfPage, kindOfArea, readArea, type VmArea, writeArea } from "./areas.ts";
import { checkVmalloc } from "./check.ts";
import {
  AREA_RUN_PAGES,
  VMALLOC_MAGIC,
  VMALLOC_RUN,
  VMALLOC_START,
  VmAreaKind,
  type VmAreaKindValue,
  VmAreaRecord,
  VmallocRoot,
} from "./layout.ts";
import { PageTable } from "./page-table.ts";
import { repairVirtualMemory } from "./repair.ts";
import type { VfreeResult, VmallocProblem } from "./result.ts";
import { createRoot, destroyRoot, openArena } from "./root.ts";
import { VirtualMemory } from "./virtual-memory.ts";

/** Figures of the engine; the pages of the last four add up to what it has taken from the page allocator. */
export interface VmallocStats {
  /** Bytes of virtual addresses, /proc/meminfo's VmallocTotal. */
  readonly totalBytes: number;
  /** Bytes of them in no area. */
  readonly freeBytes: number;
  /** The longest free stretch of virtual addresses, /proc/meminfo's VmallocChunk. */
  readonly largestFreeBytes: number;
  /** Areas that there are. */
  readonly areaCount: number;
  /** Virtual pages that are mapped, those of vmap included. */
  readonly mappedPages: number;
  /** Pages that are mapped in areas of vmalloc; those of vmap are not among them. */
  readonly framePages: number;
  /** Pages of page directories. */
  readonly directoryPages: number;
  /** Pages of page tables. */
  readonly tablePages: number;
  /** Pages of records of areas. */
  readonly recordPages: number;
}

const NO_OPTIONS: AreaOptions = {};
/** Sizes are kept in a word. */
const ASKED_BYTES_MAX = 0xffff_ffff;

/**
 * vmalloc: memory that is contiguous in virtual addresses and scattered in frames, with an unmapped guard page after
 * each area. There is no MMU under JavaScript, so reads and writes go through {@link VirtualMemory}. All state is in
 * the buffer: every `Vmalloc` over the same anchor sees the same areas. A call that is refused changes nothing; one
 * that runs out of pages on the way gives back all it took, except pages for records of areas. Any number of threads
 * work on it, each through an object of its own: one lock is around all that reads or changes areas. Where a thread
 * dies in a call, its area is there or is not, and all others stay; an area is of the slot that asked for it. The word
 * of an anchor must stay the anchor's until {@link destroy}. Modelled on: the vmalloc and vfree of the Linux pages.
 */
export class Vmalloc extends VirtualMemory {
  readonly #context: EngineContext;
  readonly #lock: EngineLock;
  readonly #anchorAddress: number;
  /** Index in `words` of the root page. */
  readonly #root: number;
  readonly #arena: Vmem;

  private constructor(context: EngineContext, anchorAddress: number) {
    const { memory } = context;
    const rootAddress = memory.words[anchorAddress >>> WORD_SHIFT] >>> 0;
    super(new PageTable(context, rootAddress));
    this.#context = context;
    this.#lock = new EngineLock(context, Header.VMALLOC_LOCK, repairVirtualMemory);
    this.#anchorAddress = anchorAddress;
    this.#root = rootAddress >>> WORD_SHIFT;
    this.#arena = openArena(context, rootAddress);
  }

  /**
   * Makes virtual memory and writes where it is into the anchor, a word at a multiple of four that must hold 0.
   * Undefined, with nothing changed, when there are no pages for it: 2, and for memories above 1 GiB up to 5.
   * Throws BAD_ARGUMENT for what is no anchor. Not by two threads at once: the anchor is the caller's. O(1).
   */
  static create(context: EngineContext, anchorAddress: number): Vmalloc | undefined {
    context.memory.refresh();
    if (anchorWord(context, anchorAddress) !== 0) {
      throw new KmemError("BAD_ARGUMENT", `the anchor at ${hex(anchorAddress)} is in use`, { anchorAddress });
    }
    const lock = new EngineLock(context, Header.VMALLOC_LOCK, repairVirtualMemory);
    return lock.within(() => createRoot(context, anchorAddress)) ? new Vmalloc(context, anchorAddress) : undefined;
  }

  /** Opens the virtual memory that an anchor leads to. Throws BAD_ARGUMENT or NOT_A_HEAP. O(1). */
  static attach(context: EngineContext, anchorAddress: number): Vmalloc {
    context.memory.refresh();
    const { bytes, words } = context.memory;
    const root = anchorWord(context, anchorAddress);
    const isPage = root !== 0 && root % PAGE_SIZE === 0 && root + PAGE_SIZE <= bytes.length;
    if (!isPage || words[(root >>> WORD_SHIFT) + VmallocRoot.MAGIC] !== VMALLOC_MAGIC) {
      throw new KmemError("NOT_A_HEAP", `the anchor at ${hex(anchorAddress)} leads to no virtual memory`, {
        anchorAddress,
        root,
      });
    }
    return new Vmalloc(context, anchorAddress);
  }

  /**
   * Allocates an area of at least `sizeBytes` (1 to 2^32 - 1) and returns its virtual address, a multiple of the page
   * size; contents are whatever was there. Returns 0 for what is no size and when pages or addresses run out:
   * {@link reasonUnavailable} says which. Throws BAD_ALIGNMENT. O(pages + log areas).
   */
  vmalloc(sizeBytes: number, options: AreaOptions = NO_OPTIONS): number {
    const wanted = AreaRequest.of(options);
    return this.#lock.within(() => this.#allocate(sizeBytes, wanted));
  }

  /** As {@link vmalloc}, with every byte of the area's pages zero. O(bytes). */
  vzalloc(sizeBytes: number, options: AreaOptions = NO_OPTIONS): number {
    const address = this.vmalloc(sizeBytes, options);
    if (address === 0) return 0;
    const { memory, geometry } = this.#context;
    const end = pageOf(address) + Math.ceil(sizeBytes / PAGE_SIZE);
    for (let page = pageOf(address); page < end; ) {
      const count = this.table.stretch(page, end - page);
      clear(memory, geometry, this.table.frameOf(page) * PAGE_SIZE, count * PAGE_SIZE);
      page += count;
    }
    return address;
  }

  /** Why an area of this size cannot be had, undefined where nothing is known to stand against it. Reads only. O(1). */
  reasonUnavailable(sizeBytes: number): VmallocProblem | undefined {
    return this.#lock.within(() => this.#problemOf(sizeBytes));
  }

  #problemOf(sizeBytes: number): VmallocProblem | undefined {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 1) return "bad size";
    const { pages, geometry } = this.#context;
    const { frames, freeBytes } = pages;
    const pageCount = Math.ceil(sizeBytes / PAGE_SIZE);
    if (pageCount > frames.limitFrame - frames.firstPageFrame) return "exceeds total pages";
    // Tables that move take a part of what is added.
    const moreTables = Math.max(0, tablePagesUpTo(geometry, frames.limitFrame) - tablePages(geometry));
    const addable = frames.limitFrame - frames.endFrame - moreTables;
    if (pageCount > freeBytes / PAGE_SIZE + addable) return "no pages";
    return pageCount >= this.#arena.longestFree ? "no addresses" : undefined;
  }

  /** Frees the area of `vmalloc` that starts at `address`, frames and all; 0 does nothing. O(pages + log areas). */
  vfree(address: number): VfreeResult {
    return this.#lock.within(() => this.#release(address, VmAreaKind.VMALLOC));
  }

  /**
   * Maps pages of the buffer, by their addresses and in this order, as one area and returns its virtual address; 0
   * when there are none or virtual addresses or pages for tables run out. The pages stay their owners' and must
   * outlive the area. Throws INVALID_ADDRESS unless each is the address of a page in use. O(pages + log areas).
   */
  vmap(pageAddresses: readonly number[], options: AreaOptions = NO_OPTIONS): number {
    const wanted = AreaRequest.of(options);
    // A copy: nothing of the caller's runs under the lock.
    const addresses = readList("pageAddresses", pageAddresses) as number[];
    return this.#lock.within(() => this.#map(addresses, wanted));
  }

  /** Takes back an area of `vmap` that starts at `address`; its pages stay as they are. O(pages + log areas). */
  vunmap(address: number): VfreeResult {
    return this.#lock.within(() => this.#release(address, VmAreaKind.VMAP));
  }

  /** Whether a number is a virtual address, mapped or not. Linux's is_vmalloc_addr. O(1). */
  isVmallocAddress(address: number): boolean {
    const end = addressOfPage(this.table.pageCount);
    return Number.isInteger(address) && address >= VMALLOC_START && address < end;
  }

  /** The area that a virtual address lies in, guard page included. Any number is allowed. O(log areas). */
  findArea(address: number): VmArea | undefined {
    if (!this.isVmallocAddress(address)) return undefined;
    return this.#lock.within(() => {
      const range = this.#arena.lookup(pageOf(address));
      return range === undefined || range.isFree ? undefined : readArea(this.#context.memory, range);
    });
  }

  /** All areas in address order, as /proc/vmallocinfo lists them. O(areas). */
  areas(): VmArea[] {
    return this.#lock.within(() => this.#areas());
  }

  #areas(): VmArea[] {
    const areas: VmArea[] = [];
    for (const range of this.#arena.ranges()) {
      if (!range.isFree) areas.push(readArea(this.#context.memory, range));
    }
    return areas;
  }

  /** O(areas), for the frames. */
  stats(): VmallocStats {
    return this.#lock.within(() => this.#stats());
  }

  #stats(): VmallocStats {
    const areas = this.#areas().filter((area) => area.kind === "vmalloc");
    return {
      totalBytes: this.#arena.totalUnits * PAGE_SIZE,
      freeBytes: this.#arena.freeUnits * PAGE_SIZE,
      largestFreeBytes: this.#arena.longestFree * PAGE_SIZE,
      areaCount: this.#rootWord(VmallocRoot.AREA_COUNT),
      mappedPages: this.#rootWord(VmallocRoot.MAPPED_PAGES),
      framePages: areas.reduce((sum, area) => sum + area.pageCount, 0),
      directoryPages: this.#rootWord(VmallocRoot.DIRECTORY_PAGES),
      tablePages: this.#rootWord(VmallocRoot.TABLE_PAGES),
      recordPages: this.#rootWord(VmallocRoot.RECORD_PAGES) + 1,
    };
  }

  /**
   * Verifies arena, page tables and areas against each other while all other threads are at rest. Reads only; ends on
   * any bytes, also where the lock is damaged. O(pages + areas).
   */
  check(report: Report): void {
    requireFunction("report", report);
    this.#lock.refreshViews();
    checkVmalloc(this.#context, this.#anchorAddress, report);
  }

  /** Gives back every area and every page and clears the anchor. No `Vmalloc` over it may be used again. O(pages). */
  destroy(): void {
    this.#lock.within(() => {
      for (const area of this.#areas()) {
        this.#release(area.address, area.kind === "vmap" ? VmAreaKind.VMAP : VmAreaKind.VMALLOC);
      }
      destroyRoot(this.#context, this.#anchorAddress, this.#arena);
    });
  }

  #allocate(sizeBytes: number, wanted: AreaRequest): number {
    if (ASSERTIONS) this.#lock.assertHeld();
    if (this.#problemOf(sizeBytes) !== undefined) return 0;
    const pageCount = Math.ceil(sizeBytes / PAGE_SIZE);
    const owner = this.#arena.allocOwned(pageCount + 1, wanted.alignPages);
    if (owner === 0) return 0;
    const first = this.#arena.startOf(owner);
    if (!this.#populate(first, pageCount, wanted)) {
      this.#arena.freeOwned(owner);
      return 0;
    }
    this.#record(owner, VmAreaKind.VMALLOC, pageCount, sizeBytes, wanted.caller);
    return addressOfPage(first);
  }

  #map(pageAddresses: readonly number[], wanted: AreaRequest): number {
    if (ASSERTIONS) this.#lock.assertHeld();
    for (const address of pageAddresses) this.#requirePageInUse(address);
    const pageCount = pageAddresses.length;
    if (pageCount === 0 || pageCount * PAGE_SIZE > ASKED_BYTES_MAX) return 0;
    const owner = this.#arena.allocOwned(pageCount + 1, wanted.alignPages);
    if (owner === 0) return 0;
    const first = this.#arena.startOf(owner);
    for (const [index, address] of pageAddresses.entries()) {
      if (this.table.map(first + index, address >>> PAGE_SHIFT, 1, wanted.mayUseReserve) === 1) continue;
      this.table.unmap(first, index);
      this.#arena.freeOwned(owner);
      return 0;
    }
    this.#record(owner, VmAreaKind.VMAP, pageCount, pageCount * PAGE_SIZE, wanted.caller);
    return addressOfPage(first);
  }

  #rootWord(field: number): number {
    return this.#context.memory.words[this.#root + field];
  }

  /** Maps new frames, in runs as long as there are any; false, with every page given back, when they run out. */
  #populate(first: number, pageCount: number, wanted: AreaRequest): boolean {
    const { pages } = this.#context;
    for (let done = 0; done < pageCount; ) {
      const frame = pages.allocateUpTo(Math.min(pageCount - done, AREA_RUN_PAGES), VMALLOC_RUN, wanted);
      const count = frame === NO_FRAME ? 0 : pages.frames.count(frame);
      const mapped = frame === NO_FRAME ? 0 : this.table.map(first + done, frame, count, wanted.mayUseReserve);
      if (frame === NO_FRAME || mapped < count) {
        this.table.unmap(first + done, mapped);
        if (frame !== NO_FRAME) pages.free(frame, count, VMALLOC_RUN);
        this.#depopulate(first, done);
        return false;
      }
      done += count;
    }
    return true;
  }

  /** Unmaps and frees run by run. */
  #depopulate(first: number, pageCount: number): void {
    const { pages } = this.#context;
    for (let done = 0; done < pageCount; ) {
      const frame = this.table.frameOf(first + done);
      const run = pages.frames.kind(frame) === VMALLOC_RUN ? pages.frames.count(frame) : 1;
      const count = Math.max(1, Math.min(run, pageCount - done));
      this.table.unmap(first + done, count);
      pages.free(frame, count, VMALLOC_RUN);
      done += count;
    }
  }

  #record(owner: number, kind: VmAreaKindValue, pageCount: number, askedBytes: number, caller: string): void {
    const { memory, sync } = this.#context;
    if (ASSERTIONS) {
      const found = memory.words[owner + VmAreaRecord.KIND];
      assert(found === VmAreaKind.NONE, `there is no area at word ${owner} yet, and its KIND is not ${found}`);
    }
    writeArea(memory, owner, { kind, pageCount, askedBytes, caller, slot: sync.slot });
    memory.words[this.#root + VmallocRoot.AREA_COUNT]++;
  }

  #release(address: number, kind: VmAreaKindValue): VfreeResult {
    if (ASSERTIONS) this.#lock.assertHeld();
    if (address === 0) return "null";
    if (!Number.isInteger(address) || address % PAGE_SIZE !== 0) return "bad address";
    const { memory } = this.#context;
    const first = this.isVmallocAddress(address) ? pageOf(address) : NO_RANGE;
    const owner = this.#arena.ownerWord(first);
    if (owner === 0) return "nonexistent";
    if (kindOfArea(memory.words[owner + VmAreaRecord.KIND]) !== kind) return "wrong kind";
    const pageCount = memory.words[owner + VmAreaRecord.PAGE_COUNT];
    memory.words[owner + VmAreaRecord.KIND] = VmAreaKind.NONE;
    if (kind === VmAreaKind.VMALLOC) this.#depopulate(first, pageCount);
    else this.table.unmap(first, pageCount);
    this.#arena.freeOwned(owner);
    if (ASSERTIONS) assert(this.#rootWord(VmallocRoot.AREA_COUNT) > 0, "an area is counted before it is freed");
    memory.words[this.#root + VmallocRoot.AREA_COUNT]--;
    return "freed";
  }

  #requirePageInUse(address: number): void {
    const { frames } = this.#context.pages;
    const kind =
      isUint32(address) && (address & PAGE_MASK) === 0 ? frames.kind(address >>> PAGE_SHIFT) : FrameKind.ABSENT;
    if (kind >= FrameKind.FIRST_RUN) return;
    throw new KmemError("INVALID_ADDRESS", `cannot map ${hex(address)}: it is no page in use`, { address });
  }
}

function pageOf(address: number): number {
  return Math.floor((address - VMALLOC_START) / PAGE_SIZE);
}

function anchorWord({ memory }: EngineContext, anchorAddress: number): number {
  const isWord = Number.isInteger(anchorAddress) && anchorAddress >= 0 && anchorAddress % WORD_BYTES === 0;
  if (!isWord || anchorAddress + WORD_BYTES > memory.bytes.length) {
    throw new KmemError("BAD_ARGUMENT", `an anchor is a word in the memory, not ${hex(anchorAddress)}`, {
      anchorAddress,
    });
  }
  return memory.words[anchorAddress >>> WORD_SHIFT] >>> 0;
}
