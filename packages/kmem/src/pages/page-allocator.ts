import { KmemError } from "../memory/errors.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_SIZE, WASM_PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { type Buddy, orderFor } from "./buddy.ts";
import { FrameTable } from "./frames.ts";
import { FrameKind, MAX_ORDER, NO_FRAME, RunKind, type RunKindValue, Zone, ZoneRecord } from "./layout.ts";
import {
  coverZones,
  createZones,
  freeBytes,
  openZones,
  reservePages,
  type ZoneStats,
  zoneBorder,
  zoneStats,
} from "./zone.ts";

/** How pages are wanted. */
export interface PageRequest {
  /** The first frame is a multiple of this power of two. Default 1. */
  readonly alignFrames?: number;
  /** Take from the DMA zone only. Default: the normal zone, then DMA. */
  readonly dma?: boolean;
  /** May go below the lowest watermark, as GFP_ATOMIC may. */
  readonly reserve?: boolean;
}

const ANY_PAGES: PageRequest = {};

/** Growth adds at least this share of what there is, so that a growing heap asks the engine seldom. */
const GROWTH_DIVISOR = 8;
const WASM_PAGE_FRAMES: number = WASM_PAGE_SIZE / PAGE_SIZE;

/**
 * The page allocator: runs of any number of pages, any part of which can be given back. Small runs come from the buddy
 * lists with the unused tail returned at once; where no single block serves, neighbouring free blocks are joined, so
 * it fails only when there is no such stretch at all. Documents: Atomik's `page_alloc`/`page_free`, Linux's
 * `__get_free_pages`. One thread at a time.
 */
export class PageAllocator {
  readonly frames: FrameTable;
  readonly zones: readonly Buddy[];
  readonly #memory: LinearMemory;
  readonly #geometry: Geometry;

  private constructor(memory: LinearMemory, geometry: Geometry) {
    this.#memory = memory;
    this.#geometry = geometry;
    this.frames = new FrameTable(memory, geometry);
    this.zones = openZones(this.frames, geometry);
  }

  /** Opens the page allocator of a memory that has one. */
  static attach(memory: LinearMemory, geometry: Geometry): PageAllocator {
    return new PageAllocator(memory, geometry);
  }

  /** Makes every page behind the tables free. The tables must read as zero. */
  static create(memory: LinearMemory, geometry: Geometry, endFrame: number): PageAllocator {
    const pages = new PageAllocator(memory, geometry);
    const { baseFrame, firstPageFrame } = geometry;
    pages.frames.fillKind(baseFrame, firstPageFrame - baseFrame, FrameKind.RESERVED);
    createZones(pages.zones, geometry);
    coverZones(pages.zones, geometry, firstPageFrame, endFrame);
    return pages;
  }

  /**
   * Takes `count` neighbouring pages and returns the first frame, or NO_FRAME. O(orders) as a rule; O(frames) when
   * only joined blocks can serve. Grows the memory where it may.
   */
  allocate(count: number, kind: RunKindValue, request: PageRequest = ANY_PAGES): number {
    let frame = this.#take(count, request);
    if (frame === NO_FRAME && request.dma !== true && this.#grow(count, request)) {
      frame = this.#take(count, request);
    }
    if (frame === NO_FRAME) return NO_FRAME;
    this.frames.setRun(frame, count, kind);
    this.frames.setCount(frame, count);
    return frame;
  }

  /** Says why this stretch cannot be freed as pages of that kind, or undefined where it can. Reads only. */
  whyNotFree(first: number, count: number, kind: RunKindValue): string | undefined {
    const { frames } = this;
    if (!(Number.isInteger(count) && count > 0)) return `${count} is not a number of pages`;
    for (let frame = first; frame < first + count; frame++) {
      const found = frames.kind(frame);
      if (found === kind + 1 || (found === kind && frame === first)) continue;
      return frame === first ? kindPhrase(found) : `page ${frame - first} of the stretch ${kindPhrase(found)}`;
    }
    return undefined;
  }

  /**
   * Gives back any stretch of one allocation: its head, its tail, or a part of its middle. Throws INVALID_FREE, with
   * nothing changed, unless all of it is allocated and of that kind. O(count + orders).
   */
  free(first: number, count: number, kind: RunKindValue): void {
    const problem = this.whyNotFree(first, count, kind);
    if (problem !== undefined) {
      const address = first * PAGE_SIZE;
      throw new KmemError("INVALID_FREE", `cannot free ${count} pages at 0x${address.toString(16)}: ${problem}`, {
        address,
        pageCount: count,
      });
    }
    const head = this.frames.headOfRun(first, kind);
    const endOfRun = head + this.frames.count(head);
    const end = first + count;
    if (end < endOfRun) {
      this.frames.setKind(end, kind);
      this.frames.setCount(end, endOfRun - end);
    }
    if (head < first) this.frames.setCount(head, first - head);
    this.#zoneOf(first).give(first, count);
  }

  /** Lengthens a run in place when the frames behind it are free; returns whether it did. */
  extend(head: number, newCount: number, kind: RunKindValue): boolean {
    const count = this.frames.count(head);
    const zone = this.#zoneOf(head);
    const extra = newCount - count;
    if (zone.freeFrames - extra < zone.get(ZoneRecord.MIN)) return false;
    if (!zone.isFree(head + count, extra)) return false;
    zone.carve(head + count, extra);
    this.frames.fillKind(head + count, extra, kind + 1);
    this.frames.setCount(head, newCount);
    return true;
  }

  /** The first frame behind the DMA zone, whether it is there yet or not. */
  get border(): number {
    return zoneBorder(this.#geometry);
  }

  /** Frames behind the tables that are not free. */
  get usedFrames(): number {
    return this.frames.endFrame - this.frames.firstPageFrame - this.freeBytes / PAGE_SIZE;
  }

  /** Bytes in free pages. */
  get freeBytes(): number {
    return freeBytes(this.zones);
  }

  /** Bytes in the longest stretch of free pages; O(frames). */
  largestFreeRunBytes(): number {
    return Math.max(...this.zones.map((zone) => zone.longestRun())) * PAGE_SIZE;
  }

  stats(): readonly ZoneStats[] {
    return this.zones.map(zoneStats);
  }

  #take(count: number, request: PageRequest): number {
    if (request.dma === true) return this.#takeFrom(this.zones[Zone.DMA], count, request);
    const frame = this.#takeFrom(this.zones[Zone.NORMAL], count, request);
    return frame === NO_FRAME ? this.#takeFrom(this.zones[Zone.DMA], count, request) : frame;
  }

  #takeFrom(zone: Buddy, count: number, request: PageRequest): number {
    const left = zone.freeFrames - count;
    if (left < (request.reserve === true ? 0 : zone.get(ZoneRecord.MIN))) return NO_FRAME;
    const alignFrames = request.alignFrames ?? 1;
    const order = orderFor(Math.max(count, alignFrames));
    const block = order <= MAX_ORDER ? zone.take(order) : NO_FRAME;
    if (block !== NO_FRAME) {
      const unused = (1 << order) - count;
      if (unused > 0) zone.give(block + count, unused);
      return block;
    }
    const stretch = zone.find(count, alignFrames);
    if (stretch !== NO_FRAME) zone.carve(stretch, count);
    return stretch;
  }

  #zoneOf(frame: number): Buddy {
    const dma = this.zones[Zone.DMA];
    return frame < dma.get(ZoneRecord.END_FRAME) ? dma : this.zones[Zone.NORMAL];
  }

  /** Moves the end so far that the request can be served; false, with nothing changed, where the limit forbids it. */
  #grow(count: number, request: PageRequest): boolean {
    const { frames } = this;
    const { limitFrame } = frames;
    const oldEnd = frames.endFrame;
    const neededEnd = Math.max(this.#endToServe(count, request), oldEnd + 1);
    if (neededEnd > limitFrame) return false;
    const generousEnd = oldEnd + Math.floor((oldEnd - frames.baseFrame) / GROWTH_DIVISOR);
    for (const wantedEnd of [Math.max(neededEnd, generousEnd), neededEnd]) {
      const newEnd = Math.min(Math.ceil(wantedEnd / WASM_PAGE_FRAMES) * WASM_PAGE_FRAMES, limitFrame);
      if (!this.#memory.growTo(newEnd * PAGE_SIZE)) continue;
      frames.setEndFrame(newEnd);
      coverZones(this.zones, this.#geometry, oldEnd, newEnd);
      return true;
    }
    return false;
  }

  /** The lowest end of the heap at which a zone at that end can serve the request. */
  #endToServe(count: number, request: PageRequest): number {
    const dma = this.zones[Zone.DMA];
    const normal = this.zones[Zone.NORMAL];
    if (this.frames.endFrame < this.border) {
      const end = zoneEndToServe(dma, count, request);
      if (end <= this.border) return end;
    }
    return zoneEndToServe(normal, count, request);
  }
}

/** As `#endToServe`, for one zone: the free pages at its end are counted in, and so is the reserve it must keep. */
function zoneEndToServe(zone: Buddy, count: number, { alignFrames = 1, reserve = false }: PageRequest): number {
  const first = zone.get(ZoneRecord.FIRST_FRAME);
  const oldEnd = zone.get(ZoneRecord.END_FRAME);
  let end = Math.ceil(zone.freeTail() / alignFrames) * alignFrames + count;
  for (;;) {
    const left = zone.freeFrames + (end - oldEnd) - count;
    const missing = (reserve ? 0 : reservePages(end - first)) - left;
    if (missing <= 0) return end;
    end += missing;
  }
}

function kindPhrase(kind: number): string {
  if (kind === FrameKind.ABSENT) return "lies outside of the managed memory";
  if (kind === FrameKind.RESERVED) return "belongs to the header and the tables";
  if (kind === FrameKind.FREE_HEAD || kind === FrameKind.FREE_TAIL) return "is already free";
  if (kind >= FrameKind.FIRST_CACHE) return "belongs to a slab";
  if (kind === RunKind.BLOCK || kind === RunKind.BLOCK + 1) return "belongs to a block of the heap";
  if (kind === RunKind.SYSTEM || kind === RunKind.SYSTEM + 1) return "belongs to a slot";
  if (kind === RunKind.BUCKET || kind === RunKind.BUCKET + 1) return "belongs to a bucket";
  if (kind === RunKind.VMALLOC || kind === RunKind.VMALLOC + 1) return "belongs to vmalloc";
  return "is the start of another allocation";
}
