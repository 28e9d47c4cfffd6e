import type { WasmMemory } from "../../memory/memory.ts";
import { type CheckLayout, shadowBytes } from "../instrument/check-plan.ts";
import {
  ALL_UNDEFINED,
  Cell,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  UNDEFINED_SHIFT,
  ZONE_BYTES,
} from "../instrument/layout.ts";

const IN_GRANULE = GRANULE_BYTES - 1;
const STATE_MASK = 0xff;

/** The shadow of a program's memory: a cell for every eight bytes, which says which of them may be used. */
export class Shadow {
  readonly #layout: CheckLayout;
  readonly #memory: WasmMemory;
  /** Bytes of the memory that have cells. */
  readonly coveredBytes: number;
  /** Whether reads of bytes that were never written are told. */
  readonly findsUndefined: boolean;
  #cells: Uint8Array | Uint16Array = new Uint8Array();

  constructor(layout: CheckLayout, memory: WasmMemory, coveredBytes: number) {
    this.#layout = layout;
    this.#memory = memory;
    this.coveredBytes = coveredBytes;
    this.findsUndefined = layout.cellShift > 0;
  }

  /** Has to be called when the memory has grown. */
  refresh(): void {
    const { shadowAt } = this.#layout;
    const count = Math.ceil(this.coveredBytes / GRANULE_BYTES);
    const { buffer } = this.#memory;
    this.#cells = this.findsUndefined
      ? new Uint16Array(buffer, shadowAt, count)
      : new Uint8Array(buffer, shadowAt, count);
  }

  get bytes(): number {
    return shadowBytes(this.#layout, this.coveredBytes);
  }

  /** What an address's cell says of which bytes may be used: see {@link Cell}. */
  stateAt(address: number): number {
    return (this.#cells[address >>> GRANULE_SHIFT] ?? Cell.OPEN) & STATE_MASK;
  }

  /** Closes whole cells. */
  close(from: number, to: number, state: number): void {
    this.#fill(from >>> GRANULE_SHIFT, Math.min(to, this.coveredBytes) >>> GRANULE_SHIFT, state);
  }

  /** Opens a block, which has its zone before it and nobody's bytes after it up to the next zone's alignment. */
  openBlock(address: number, sizeBytes: number, isDefined: boolean): void {
    const cells = this.#cells;
    const first = address >>> GRANULE_SHIFT;
    cells[first - 2] = Cell.RECORD;
    cells[first - 1] = Cell.RECORD;
    const whole = first + (sizeBytes >>> GRANULE_SHIFT);
    const open = this.findsUndefined && !isDefined ? ALL_UNDEFINED << UNDEFINED_SHIFT : Cell.OPEN;
    this.#fill(first, whole, open);
    const rest = sizeBytes & IN_GRANULE;
    if (rest > 0) cells[whole] = rest | (open & (((1 << rest) - 1) << UNDEFINED_SHIFT));
    // What is left up to the next multiple of 16; all beyond is closed already.
    const end = whole + Number(rest > 0);
    if (end % 2 === 1) cells[end] = Cell.AFTER;
  }

  closeFreed(address: number, sizeBytes: number): void {
    const first = address >>> GRANULE_SHIFT;
    this.#fill(first, first + Math.ceil(sizeBytes / GRANULE_BYTES), Cell.FREED);
  }

  /** The zone of a block that goes back to the heap is no record any more. */
  forget(address: number): void {
    const first = address >>> GRANULE_SHIFT;
    this.#cells[first - 2] = Cell.UNUSED;
    this.#cells[first - 1] = Cell.UNUSED;
  }

  /** Whether a block's zone lies before an address. */
  hasRecord(address: number): boolean {
    if (address % ZONE_BYTES !== 0 || address >= this.coveredBytes) return false;
    const first = address >>> GRANULE_SHIFT;
    return (
      (this.#cells[first - 1]! & STATE_MASK) === Cell.RECORD && (this.#cells[first - 2]! & STATE_MASK) === Cell.RECORD
    );
  }

  /** The first byte of a range that may not be used; `to` where all may. O(bytes / 8). */
  firstClosed(from: number, to: number): number {
    const cells = this.#cells;
    const end = Math.min(to, this.coveredBytes);
    for (let at = from; at < end; at = nextGranule(at)) {
      const state = cells[at >>> GRANULE_SHIFT]! & STATE_MASK;
      if (state === Cell.OPEN) continue;
      const limit = state < Cell.CLOSED ? state : 0;
      const next = nextGranule(at);
      const bad = Math.max(at, next - GRANULE_BYTES + limit);
      if (bad < Math.min(end, next)) return bad;
    }
    return to;
  }

  /** Whether all bytes of a range were never written. For the checks of single accesses. */
  isUndefined(from: number, to: number): boolean {
    for (let at = from; at < to; at++) if (!this.#isUndefinedAt(at)) return false;
    return this.findsUndefined && to > from;
  }

  #isUndefinedAt(at: number): boolean {
    return (((this.#cells[at >>> GRANULE_SHIFT] ?? 0) >>> UNDEFINED_SHIFT) & (1 << (at & IN_GRANULE))) !== 0;
  }

  /** Bytes that are written now. */
  define(from: number, to: number): void {
    if (!this.findsUndefined) return;
    const cells = this.#cells;
    const end = Math.min(to, this.coveredBytes);
    for (let at = from; at < end; ) {
      const cell = at >>> GRANULE_SHIFT;
      const next = Math.min(end, nextGranule(at));
      if (cells[cell]! > STATE_MASK) {
        if (next - at === GRANULE_BYTES) cells[cell] = cells[cell]! & STATE_MASK;
        else for (; at < next; at++) cells[cell] = cells[cell]! & ~(1 << (UNDEFINED_SHIFT + (at & IN_GRANULE)));
      }
      at = next;
    }
  }

  /** Bytes that are copied: what was never written stays so. */
  copyDefined(to: number, from: number, bytes: number): void {
    if (!this.findsUndefined) return;
    const undefinedBytes: number[] = [];
    for (let at = 0; at < bytes; at++) if (this.#isUndefinedAt(from + at)) undefinedBytes.push(to + at);
    this.define(to, to + bytes);
    for (const at of undefinedBytes) {
      if (this.stateAt(at) >= Cell.CLOSED || at >= this.coveredBytes) continue;
      this.#cells[at >>> GRANULE_SHIFT] =
        this.#cells[at >>> GRANULE_SHIFT]! | (1 << (UNDEFINED_SHIFT + (at & IN_GRANULE)));
    }
  }

  #fill(first: number, end: number, value: number): void {
    const cells = this.#cells;
    if (end - first > FEW_CELLS) cells.fill(value, first, end);
    else for (let cell = first; cell < end; cell++) cells[cell] = value;
  }
}

/** Fewer cells are filled faster one by one. */
const FEW_CELLS = 32;

function nextGranule(at: number): number {
  return ((at | IN_GRANULE) >>> 0) + 1;
}
