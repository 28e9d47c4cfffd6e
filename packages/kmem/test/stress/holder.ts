import { type Cache, type Heap, PAGE_SIZE } from "../../src/index.ts";
import { type BlockRecord, Kind } from "./block-record.ts";
import type { Control, TallyName } from "./control.ts";
import { fill, firstFault, stretchesOf } from "./filling.ts";
import type { Ledger } from "./ledger.ts";
import { headBytesOf, isConstructed } from "./objects.ts";

/** What the stress found wrong with the heap, or with itself. */
export class StressFault extends Error {}

export function requireSound(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new StressFault(what());
}

/** The part of a heap that the stress calls; a heap broken on purpose stands behind it as well. */
export type StressHeap = Heap;

/** What a {@link Holder} is made of. */
export interface HolderParts {
  readonly heap: StressHeap;
  readonly caches: readonly Cache[];
  readonly ledger: Ledger;
  readonly control: Control;
  readonly party: number;
  /** Patterns count on from here, so that no two holders fill the same bytes alike. */
  readonly firstSeed: number;
}

/**
 * What a thread holds of one heap, and the ways to get more and to give it back: every piece is filled when it comes
 * and verified when it goes, whoever filled it.
 */
export class Holder {
  readonly heap: StressHeap;
  readonly ledger: Ledger;
  readonly party: number;
  readonly caches: readonly Cache[];
  readonly #control: Control;
  #bytes: Uint8Array;
  #seed: number;

  constructor({ heap, caches, ledger, control, party, firstSeed }: HolderParts) {
    this.heap = heap;
    this.caches = caches;
    this.ledger = ledger;
    this.party = party;
    this.#control = control;
    this.#seed = firstSeed;
    this.#bytes = new Uint8Array(heap.buffer);
  }

  count(name: TallyName, by?: number): void {
    this.#control.count(this.party, name, by);
  }

  /** The bytes of the heap, up to `end` at least: others may have grown the memory. */
  bytesUpTo(end: number): Uint8Array {
    if (end > this.#bytes.length) {
      this.#bytes = new Uint8Array(this.heap.buffer);
      requireSound(
        end <= this.#bytes.length,
        () => `the heap's buffer has ${this.#bytes.length} bytes and a piece of memory ends at ${end}`,
      );
    }
    return this.#bytes;
  }

  /** Enters a new piece of memory: looks at where it lies, fills it and writes it into the ledger. */
  enter(address: number, sizeBytes: number, kind: number = Kind.BLOCK): void {
    this.#seed = (this.#seed + 1) >>> 0;
    const record = { address, sizeBytes, seed: this.#seed, kind, owner: this.party };
    if (kind >= Kind.OBJECT && headBytesOf(kind - Kind.OBJECT) > 0) this.#requireConstructed(address, sizeBytes);
    this.#fill(record);
    this.ledger.add(record);
    this.count("allocations");
  }

  /** Throws unless every filled byte is as it was left. */
  verify(record: BlockRecord): void {
    const { address, sizeBytes, kind, owner } = record;
    const bytes = this.bytesUpTo(address + sizeBytes);
    const headBytes = kind >= Kind.OBJECT ? headBytesOf(kind - Kind.OBJECT) : 0;
    if (headBytes > 0) this.#requireConstructed(address, sizeBytes);
    for (const stretch of stretchesOf(record, headBytes)) {
      const offset = firstFault(bytes, stretch);
      requireSound(
        offset < 0,
        () =>
          `byte ${stretch.address + offset} has changed: ${offset} bytes into a piece of ${stretch.sizeBytes} ` +
          `(kind ${kind}, got by thread ${owner}, of ${sizeBytes} bytes at ${address})`,
      );
    }
  }

  /** Gives a piece back that is in no ledger any more. `viaCache` picks the way for objects. */
  release(record: BlockRecord, viaCache: boolean): void {
    this.verify(record);
    const { address, sizeBytes, kind } = record;
    if (kind === Kind.PAGES) this.heap.pages.free(address, sizeBytes / PAGE_SIZE);
    else if (kind >= Kind.OBJECT && viaCache) this.caches[kind - Kind.OBJECT].free(address);
    else this.heap.free(address);
    this.noteFree(record);
  }

  noteFree(record: BlockRecord): void {
    this.count("frees");
    if (record.owner !== this.party) this.count("foreignFrees");
  }

  #fill(record: BlockRecord): void {
    const { address, sizeBytes, kind } = record;
    const bytes = this.bytesUpTo(address + sizeBytes);
    const headBytes = kind >= Kind.OBJECT ? headBytesOf(kind - Kind.OBJECT) : 0;
    for (const stretch of stretchesOf(record, headBytes)) fill(bytes, stretch);
  }

  #requireConstructed(address: number, sizeBytes: number): void {
    const { buffer } = this.bytesUpTo(address + sizeBytes);
    requireSound(isConstructed(buffer, address), () => `the object at ${address} has lost its constructed state`);
  }
}
