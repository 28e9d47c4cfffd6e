import { type Geometry, useTables } from "../memory/header.ts";
import { GRANULE_SHIFT, Header, PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_BYTES, FRAME_RECORD_SHIFT, FrameKind, FrameRecord, GROUP_SHIFT, RunOwner } from "./layout.ts";
import { readTablesFromHeader } from "./moving-tables.ts";

/** Constants of the functions below once more, as constants of this module: see slab/fast-path.ts. */
const recordShift = FRAME_RECORD_SHIFT;
const countField = FrameRecord.COUNT;
const headField = FrameRecord.SLAB_OR_OWNER;
const absent = FrameKind.ABSENT;
const reserved = FrameKind.RESERVED;
const freeHead = FrameKind.FREE_HEAD;
const freeTail = FrameKind.FREE_TAIL;
const wordShift = WORD_SHIFT;
const wordMask: number = WORD_BYTES - 1;

/** Runs of at most this many frames are filled byte by byte. */
const SHORT_FILL = 16;
const ONE_IN_EACH_BYTE = 0x01010101;

/**
 * A page's `struct page *` as kernels pass it: the address of its frame record. Where the frame table moves, a stable
 * stand-in: the address the record would have if the table began at firstPageFrame.
 */
export function structPage(
  { hasMovingTables, baseFrame, frameTable, firstPageFrame }: Geometry,
  frame: number,
): number {
  const table = hasMovingTables ? firstPageFrame * PAGE_SIZE : frameTable;
  return table + (frame - baseFrame) * FRAME_RECORD_BYTES;
}

/** Whether a kind says that its page is free. */
export function isFreeKind(kind: number): boolean {
  return kind === freeHead || kind === freeTail;
}

/** The frame table and the kind table: what every page of the memory is. Frame numbers are absolute. */
export class FrameTable {
  readonly memory: LinearMemory;
  readonly baseFrame: number;
  readonly limitFrame: number;
  readonly firstPageFrame: number;
  /** One past the last frame that the tables describe. This and what follows change when tables move. */
  coveredEndFrame!: number;
  /** Index into `memory.bytes` of the kind of frame 0, were there one. */
  kindBias!: number;
  /** Index into `memory.words` of the record of frame 0, were there one. */
  recordBias!: number;
  /** Index into `memory.words` of the word of group 0, were there one. */
  groupBias!: number;
  /** Index into `memory.bytes` of the tag of granule 0, were there one: see slab/layout.ts. */
  tagBias!: number;
  readonly #geometry: Geometry;
  readonly #headerWord: number;

  constructor(memory: LinearMemory, geometry: Geometry) {
    this.memory = memory;
    this.baseFrame = geometry.baseFrame;
    this.limitFrame = geometry.limitFrame;
    this.firstPageFrame = geometry.firstPageFrame;
    this.#geometry = geometry;
    this.#headerWord = (geometry.baseFrame << PAGE_SHIFT) >>> WORD_SHIFT;
    this.useGeometry();
    if (geometry.hasMovingTables) memory.onRefresh(() => this.follow());
  }

  /** Recomputes coveredEndFrame and the biases after the tables in the geometry have changed. */
  useGeometry(): void {
    const { baseFrame, coveredEndFrame, frameTable, kindTable, groupTable, tagTable } = this.#geometry;
    this.coveredEndFrame = coveredEndFrame;
    this.kindBias = kindTable - baseFrame;
    this.recordBias = (frameTable >>> WORD_SHIFT) - (baseFrame << FRAME_RECORD_SHIFT);
    this.groupBias = (groupTable >>> WORD_SHIFT) - (baseFrame >>> GROUP_SHIFT);
    this.tagBias = tagTable - ((baseFrame << PAGE_SHIFT) >>> GRANULE_SHIFT);
  }

  /** Follows tables that another object of this thread for the same heap has moved. */
  follow(): void {
    const geometry = this.#geometry;
    if (!geometry.hasMovingTables) return;
    const moves = this.memory.words[this.#headerWord + Header.TABLE_MOVES];
    if (moves === geometry.tableMoves) return;
    const tables = readTablesFromHeader(this.memory, geometry, moves);
    // Otherwise the word is damaged, and what this thread knows is better.
    if (tables === undefined) return;
    useTables(geometry, tables);
    this.useGeometry();
  }

  /** One past the last frame that the heap may grow to: tables do not move where other threads could read them. */
  get growthLimit(): number {
    return this.#geometry.hasMovingTables && this.memory.isShared ? this.coveredEndFrame : this.limitFrame;
  }

  /** One past the last frame that is the heap's now. */
  get endFrame(): number {
    return this.memory.words[this.#headerWord + Header.END_FRAME];
  }

  /** Sets the end after a growth, and counts the growth. */
  setEndFrame(endFrame: number): void {
    const { words } = this.memory;
    words[this.#headerWord + Header.END_FRAME] = endFrame;
    words[this.#headerWord + Header.GROWTH_COUNT]++;
  }

  /** The journal word of an unfinished growth, 0 if there is none: see pages/layout.ts. */
  get growthJournal(): number {
    return this.memory.words[this.#headerWord + Header.GROWTH_JOURNAL];
  }

  setGrowthJournal(growth: number): void {
    this.memory.words[this.#headerWord + Header.GROWTH_JOURNAL] = growth;
  }

  /** Counts the growths of this heap. */
  get growthCount(): number {
    return this.memory.words[this.#headerWord + Header.GROWTH_COUNT];
  }

  /** A word of the header that says when to reclaim: RECLAIM_AT or REQUESTS_SINCE_RECLAIM. */
  reclaimWord(field: number): number {
    return this.memory.words[this.#headerWord + field];
  }

  setReclaimWord(field: number, value: number): void {
    this.memory.words[this.#headerWord + field] = value;
  }

  /** Index of the frame's record in `memory.words`. */
  record(frame: number): number {
    return this.recordBias + (frame << recordShift);
  }

  /** The frame's kind; ABSENT for every number outside of what the tables describe. */
  kind(frame: number): number {
    if (frame < this.baseFrame || frame >= this.coveredEndFrame) return absent;
    return this.memory.bytes[this.kindBias + frame];
  }

  setKind(frame: number, kind: number): void {
    this.memory.bytes[this.kindBias + frame] = kind;
  }

  /** Whether a page within the heap's range belongs to someone else. */
  isForeign(frame: number): boolean {
    return frame >= this.firstPageFrame && this.kind(frame) === reserved;
  }

  /** Marks a run: its first frame as `headKind`, the others as headKind + 1, the kind of its tail. */
  setRun(first: number, count: number, headKind: number): void {
    this.fillKind(first + 1, count - 1, headKind + 1);
    this.memory.bytes[this.kindBias + first] = headKind;
  }

  /** Gives every frame of a stretch the same kind: a word at a time where it is long. */
  fillKind(first: number, count: number, kind: number): void {
    const { bytes, words } = this.memory;
    const end = this.kindBias + first + count;
    let index = this.kindBias + first;
    if (count > SHORT_FILL) {
      while ((index & wordMask) !== 0) bytes[index++] = kind;
      const endWord = end >>> wordShift;
      for (let word = index >>> wordShift; word < endWord; word++) words[word] = kind * ONE_IN_EACH_BYTE;
      index = endWord * WORD_BYTES;
    }
    for (; index < end; index++) bytes[index] = kind;
  }

  /** The order of a free block: COUNT of its first frame. */
  order(frame: number): number {
    return this.memory.words[this.record(frame) + countField];
  }

  /** COUNT of the frame's record: the frames of a run, the free blocks of a slab and its cursor. */
  count(frame: number): number {
    return this.memory.words[this.record(frame) + countField];
  }

  setCount(frame: number, count: number): void {
    this.memory.words[this.record(frame) + countField] = count;
  }

  /** The owner of the run that starts at the frame: see RunOwner. It is SLAB_OR_OWNER. */
  owner(head: number): number {
    return this.memory.words[this.record(head) + headField];
  }

  /** The slot that owns the run that starts at the frame; -1 for none. */
  ownerSlot(head: number): number {
    const owner = this.owner(head);
    return (owner & ~RunOwner.LOW_MASK) === RunOwner.OWNER_BIT ? (owner & RunOwner.SLOT_MASK) - 1 : -1;
  }

  setOwner(head: number, owner: number): void {
    this.memory.words[this.record(head) + headField] = owner;
  }

  /** Replaces the owner `from` of a run by `to` atomically; false if the owner was not `from`. */
  compareExchangeOwner(head: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.memory.words, this.record(head) + headField, from, to) === from;
  }

  /** The head of the run that the frame, head or tail, belongs to; O(frames before it in the run). */
  headOfRun(frame: number, headKind: number): number {
    const { bytes } = this.memory;
    let head = frame;
    while (bytes[this.kindBias + head] === headKind + 1) head--;
    return head;
  }

  /** Whether a run of a kind and of so many pages starts at the frame. */
  isWholeRun(first: number, count: number, kind: number): boolean {
    return count > 0 && this.kind(first) === kind && this.count(first) === count;
  }

  /**
   * Claims a run for the slot in `claimed`, which alone may then free it or a part of it. False if another thread has
   * claimed it, or no run of this kind, and of `count` pages where that is given, starts there.
   */
  claimRun(head: number, kind: number, claimed: number, count?: number): boolean {
    const owner = this.owner(head);
    if (this.kind(head) !== kind || (owner & (RunOwner.CLAIMED | RunOwner.SPLIT)) !== 0) return false;
    if (!this.compareExchangeOwner(head, owner, claimed)) return false;
    if (this.kind(head) === kind && (count === undefined || this.count(head) === count)) return true;
    // ABA: the run was freed and reallocated as another one before the compare-and-swap, with the same owner word.
    this.compareExchangeOwner(head, claimed, owner);
    return false;
  }
}
