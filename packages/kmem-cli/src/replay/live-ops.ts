import { OP, OP_CODE_MASK, OPERATION, type OpCache, type OpTotals } from "../trace/op-stream.ts";
import { OpWriter } from "../trace/op-writer.ts";

/** Stands for a slot with no live block; no operation has this code. */
const NOT_LIVE = 255;

/** Follows what is live while operations go by, and writes the operations that would free it. */
export class LiveOps {
  /** By slot: the code of the operation that frees its block. */
  readonly #freeCodes: Uint8Array;
  readonly #sizes: Uint32Array;
  readonly #auxes: Uint32Array;
  /** Blocks of pages of which some have been given back: 1 for each page that is still held. */
  readonly #heldPages = new Map<number, Uint8Array>();

  constructor(slotCount: number) {
    this.#freeCodes = new Uint8Array(slotCount).fill(NOT_LIVE);
    this.#sizes = new Uint32Array(slotCount);
    this.#auxes = new Uint32Array(slotCount);
  }

  /** Takes the operation that begins at word `at`. */
  take(words: Uint32Array, at: number): void {
    const slot = words[at + OPERATION.SLOT]!;
    const size = words[at + OPERATION.SIZE]!;
    const aux = words[at + OPERATION.AUX]!;
    switch (words[at + OPERATION.CODE]! & OP_CODE_MASK) {
      case OP.FREE:
      case OP.CACHE_FREE:
        this.#freeCodes[slot] = NOT_LIVE;
        return;
      case OP.PAGE_FREE:
        this.#releasePages(slot, aux, size);
        return;
      case OP.CACHE_ALLOC:
      case OP.CACHE_BUILD:
        this.#hold(slot, OP.CACHE_FREE, size, aux);
        return;
      case OP.PAGE_ALLOC:
        this.#hold(slot, OP.PAGE_FREE, 2 ** size, 0);
        return;
      case OP.PAGE_RUN:
        this.#hold(slot, OP.PAGE_FREE, size, 0);
        return;
      default:
        this.#hold(slot, OP.FREE, size, 0);
    }
  }

  /** Writes an operation file that frees all that is live, in the order of the slots. */
  writeFrees(path: string, totals: OpTotals, caches: readonly OpCache[]): void {
    const writer = new OpWriter(path);
    for (const [slot, code] of this.#freeCodes.entries()) {
      const held = this.#heldPages.get(slot);
      if (held !== undefined) writePageRuns(writer, slot, held);
      else if (code !== NOT_LIVE) writer.op(code, 0, slot, this.#sizes[slot]!, this.#auxes[slot]!);
    }
    writer.finish(totals, caches);
  }

  #hold(slot: number, freeCode: number, size: number, aux: number): void {
    this.#freeCodes[slot] = freeCode;
    this.#sizes[slot] = size;
    this.#auxes[slot] = aux;
  }

  #releasePages(slot: number, first: number, count: number): void {
    const held = this.#heldPages.get(slot) ?? new Uint8Array(this.#sizes[slot]!).fill(1);
    held.fill(0, first, first + count);
    if (held.includes(1)) {
      this.#heldPages.set(slot, held);
    } else {
      this.#heldPages.delete(slot);
      this.#freeCodes[slot] = NOT_LIVE;
    }
  }
}

function writePageRuns(writer: OpWriter, slot: number, held: Uint8Array): void {
  for (let first = held.indexOf(1); first >= 0; first = held.indexOf(1, first)) {
    const gap = held.indexOf(0, first);
    const end = gap < 0 ? held.length : gap;
    writer.op(OP.PAGE_FREE, 0, slot, end - first, first);
    first = end;
  }
}
