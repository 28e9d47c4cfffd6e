import { alignUp } from "../../memory/geometry.ts";
import { DEFAULT_SHAPES, type Geometry, NO_MOVING_TABLES } from "../../memory/header.ts";
import { HEADER_WORDS, Header, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../../memory/layout.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import { FRAME_RECORD_BYTES, groupTableBytes, RunKind, RunOwner, ZONE_TABLE_BYTES } from "../../pages/layout.ts";
import { PageAllocator } from "../../pages/page-allocator.ts";
import { rebuildZones } from "../../pages/rebuild.ts";
import { mix } from "../../region/checksum-step.ts";
import { RANGE_MAGIC, RangeHeader, TABLE_ALIGNMENT } from "./layout.ts";

/** The lowest frame that a range may begin with: the address of frame 0 is NULL. */
const LOWEST_FRAME = 1;

/**
 * Where the tables of a range go, for a first and a last byte. Undefined where not one page would be left. It names the
 * tables that pages need and no others: there are no slots, caches or tags in a range.
 */
export function planRange(start: number, end: number): Geometry | undefined {
  const baseFrame = Math.max(LOWEST_FRAME, Math.ceil(start / PAGE_SIZE));
  const limitFrame = Math.floor((end + 1) / PAGE_SIZE);
  const frameCount = limitFrame - baseFrame;
  const base = baseFrame * PAGE_SIZE;
  const zoneTable = alignUp(base + HEADER_WORDS * WORD_BYTES, TABLE_ALIGNMENT);
  const frameTable = alignUp(zoneTable + ZONE_TABLE_BYTES, TABLE_ALIGNMENT);
  const kindTable = alignUp(frameTable + frameCount * FRAME_RECORD_BYTES, TABLE_ALIGNMENT);
  const groupTable = alignUp(kindTable + frameCount, TABLE_ALIGNMENT);
  const firstPageFrame = Math.ceil((groupTable + groupTableBytes(baseFrame, limitFrame)) / PAGE_SIZE);
  if (frameCount <= 0 || firstPageFrame >= limitFrame) return undefined;
  const counts = { dmaFrames: 0, slotCount: 0, cacheCount: 0 };
  const none = { ...counts, slotTable: 0, cacheTable: 0, tagTable: 0, hasMovingTables: false };
  const reach = {
    baseFrame,
    limitFrame,
    coveredEndFrame: limitFrame,
    firstPageFrame,
    ...NO_MOVING_TABLES,
    ...DEFAULT_SHAPES,
  };
  return { ...reach, zoneTable, frameTable, kindTable, groupTable, ...none };
}

function sealOf(words: Int32Array<ArrayBufferLike>, header: number): number {
  const { START, END, ROOT } = RangeHeader;
  return mix(mix(mix(header, words[header + START]), words[header + END]), words[header + ROOT]);
}

/** One registered range: its header's words and its page allocator. It holds views and constants, no state. */
export class Range {
  readonly address: number;
  readonly pages: PageAllocator;
  readonly #memory: LinearMemory;
  readonly #geometry: Geometry;

  private constructor(memory: LinearMemory, geometry: Geometry, pages: PageAllocator) {
    this.#memory = memory;
    this.#geometry = geometry;
    this.address = geometry.baseFrame * PAGE_SIZE;
    this.pages = pages;
  }

  /** Makes a range of what was planned, in the list that begins at `root`; 0 begins a list. O(tables). */
  static create(memory: LinearMemory, geometry: Geometry, root: number): Range {
    const { baseFrame, limitFrame, firstPageFrame } = geometry;
    const address = baseFrame * PAGE_SIZE;
    const header = address >>> WORD_SHIFT;
    memory.bytes.fill(0, address, firstPageFrame * PAGE_SIZE);
    const { words } = memory;
    words[header + RangeHeader.START] = address;
    words[header + RangeHeader.END] = limitFrame * PAGE_SIZE - 1;
    words[header + RangeHeader.ROOT] = root === 0 ? address : root;
    words[header + RangeHeader.SEAL] = sealOf(words, header);
    words[header + Header.END_FRAME] = limitFrame;
    const pages = PageAllocator.create(memory, geometry, limitFrame);
    words[header + RangeHeader.MAGIC] = RANGE_MAGIC;
    return new Range(memory, geometry, pages);
  }

  /** Opens the range whose header is at `address`, or undefined where none is, or a damaged one. Reads only. */
  static open(memory: LinearMemory, address: number): Range | undefined {
    if (!isRange(memory, address)) return undefined;
    const header = address >>> WORD_SHIFT;
    const end = memory.words[header + RangeHeader.END] >>> 0;
    const geometry = planRange(address, end);
    if (geometry === undefined || end >= memory.byteLength) return undefined;
    return new Range(memory, geometry, PageAllocator.attach(memory, geometry));
  }

  get(field: number): number {
    return this.#memory.words[(this.address >>> WORD_SHIFT) + field] >>> 0;
  }

  set(field: number, value: number): void {
    this.#memory.words[(this.address >>> WORD_SHIFT) + field] = value;
  }

  /** Address of the range's last byte. */
  get end(): number {
    return this.get(RangeHeader.END);
  }

  /** Whether the header is still whole. */
  isWhole(): boolean {
    return isRange(this.#memory, this.address);
  }

  /**
   * Makes the range whole after a thread has died at work on it: free lists and counts are rebuilt from what the
   * pages are, and pages that were on their way back are free. One that dies on the way leaves what the next repairs.
   */
  repair(): void {
    const { frames } = this.pages;
    rebuildZones(this.pages, this.#geometry);
    for (let head = frames.firstPageFrame; head < frames.endFrame; head++) {
      const isClaimed = frames.kind(head) === RunKind.PAGES && (frames.owner(head) & RunOwner.CLAIMED) !== 0;
      if (isClaimed) this.pages.freeExclusive(head, frames.count(head));
    }
  }

  /** Whether any byte from `start` to `end`, both included, lies in the range. */
  overlaps(start: number, end: number): boolean {
    return start <= this.end && end >= this.address;
  }

  /** Whether the byte lies in the range. */
  holds(address: number): boolean {
    return this.overlaps(address, address);
  }

  /** The frame that an address lies in. */
  static frameOf(address: number): number {
    return address >>> PAGE_SHIFT;
  }
}

function isRange(memory: LinearMemory, address: number): boolean {
  const { words } = memory;
  const header = address >>> WORD_SHIFT;
  return (
    words[header + RangeHeader.MAGIC] === RANGE_MAGIC &&
    words[header + RangeHeader.START] >>> 0 === address &&
    words[header + RangeHeader.SEAL] === sealOf(words, header)
  );
}
