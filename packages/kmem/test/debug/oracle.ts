import type { Cache, Heap } from "../../src/index.ts";
import { __GFP_ZERO, GFP_KERNEL, type Linux, LogRing, linux } from "../../src/kernels/linux/linux.ts";

/** One call of an allocator; sizes and shares are drawn by the property. */
export interface Call {
  readonly kind: (typeof CALLS)[number];
  readonly sizeBytes: number;
  /** Which live block, of as many as there are. */
  readonly pick: number;
  readonly alignmentShift: number;
  /** The byte that the block is filled with. */
  readonly byte: number;
}

export const CALLS = [
  "alloc",
  "tryAlloc",
  "calloc",
  "alignedAlloc",
  "allocWait",
  "allocAsync",
  "realloc",
  "free",
  "view",
  "cache",
  "bulk",
  "freeOfOther",
] as const;

/** What the oracle knows of a block: every byte. */
interface Known {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly cache?: Cache;
}

const BULK = 3;

/** A heap whose every byte that a program may write is known, and compared after each call. */
export class Oracle {
  readonly #heap: Heap;
  /** A second thread of the heap, which frees what the first has allocated. */
  readonly #other: Heap;
  readonly #cache: Cache;
  readonly #others: Cache;
  /** The calls of Linux over the same cache, for its bulk calls. */
  readonly #calls: Linux;
  readonly #cachep: number;
  readonly #live: Known[] = [];

  constructor(heap: Heap, other: Heap) {
    this.#heap = heap;
    this.#other = other;
    this.#cache = heap.createCache({ name: "objects", sizeBytes: 43, alignmentBytes: 8 });
    this.#others = other.openCache("objects");
    this.#calls = linux(heap, new LogRing());
    this.#cachep = this.#calls.kmem_cache_open("objects");
  }

  /** One call; what it returns must be what it is to be, and no byte of any other block may be another. */
  async step(call: Call): Promise<void> {
    await this.#call(call);
    for (const known of this.#live) this.#requireSame(known);
  }

  /** Frees all, by turns through either thread. */
  end(): void {
    for (const [index, known] of this.#live.splice(0).entries()) this.#free(known, index % 2 === 0);
  }

  async #call({ kind, sizeBytes, pick, alignmentShift, byte }: Call): Promise<void> {
    const heap = this.#heap;
    const alignmentBytes = 2 ** alignmentShift;
    switch (kind) {
      case "alloc":
        return this.#take(heap.alloc(sizeBytes), sizeBytes, byte);
      case "tryAlloc":
        return this.#take(heap.tryAlloc(sizeBytes), sizeBytes, byte);
      case "allocWait":
        return this.#take(heap.allocWait(sizeBytes), sizeBytes, byte);
      case "allocAsync":
        return this.#take(await heap.allocAsync(sizeBytes), sizeBytes, byte);
      case "calloc":
        return this.#takeCleared(heap.calloc(sizeBytes, 1), sizeBytes, byte);
      case "alignedAlloc": {
        const address = heap.alignedAlloc(alignmentBytes, sizeBytes);
        if (address % alignmentBytes !== 0) throw new Error(`${address} is not aligned to ${alignmentBytes}`);
        return this.#take(address, sizeBytes, byte);
      }
      case "realloc":
        return this.#resize(this.#draw(pick), sizeBytes, byte);
      case "view":
        return this.#view(pick, byte);
      case "cache":
        return this.#takeObject(this.#cache.alloc(), byte);
      case "bulk":
        return this.#takeBulk(byte);
      default: {
        const known = this.#draw(pick);
        if (known !== undefined) this.#free(known, kind === "free");
      }
    }
  }

  #take(address: number, sizeBytes: number, byte: number): void {
    if (address === 0) throw new Error("there was memory");
    const usableBytes = this.#heap.usableSize(address);
    if (usableBytes < sizeBytes) throw new Error(`${usableBytes} bytes are usable of ${sizeBytes}`);
    this.#keep({ address, bytes: new Uint8Array(usableBytes) }, byte);
  }

  #takeCleared(address: number, sizeBytes: number, byte: number): void {
    const isCleared = this.#heap.u8(address, sizeBytes).every((found) => found === 0);
    if (!isCleared) throw new Error("calloc has not cleared it all");
    this.#take(address, sizeBytes, byte);
  }

  #takeBulk(byte: number): void {
    const objects: number[] = [];
    const flags = GFP_KERNEL | (byte % 2 === 0 ? __GFP_ZERO : 0);
    if (this.#calls.kmem_cache_alloc_bulk(this.#cachep, flags, BULK, objects) !== BULK)
      throw new Error("too few objects");
    const [first = 0, ...others] = objects;
    const isCleared = this.#heap.u8(first, this.#cache.sizeBytes).every((found) => found === 0);
    if (byte % 2 === 0 && !isCleared) throw new Error("__GFP_ZERO has not cleared it all");
    for (const object of others) this.#takeObject(object, byte);
    this.#calls.kmem_cache_free_bulk(this.#cachep, 1, [first]);
  }

  #takeObject(address: number, byte: number): void {
    this.#keep({ address, bytes: new Uint8Array(this.#cache.sizeBytes), cache: this.#cache }, byte);
  }

  /** Writes every byte that is the program's. */
  #keep(known: Known, byte: number): void {
    for (let index = 0; index < known.bytes.length; index++) known.bytes[index] = byte + index * 7;
    new Uint8Array(this.#heap.buffer).set(known.bytes, known.address);
    this.#live.push(known);
  }

  #resize(known: Known | undefined, sizeBytes: number, byte: number): void {
    if (known === undefined || known.cache !== undefined) {
      if (known !== undefined) this.#live.push(known);
      return;
    }
    const address = this.#heap.realloc(known.address, sizeBytes);
    const kept = Math.min(sizeBytes, known.bytes.length);
    this.#requireSame({ address, bytes: known.bytes.subarray(0, kept) });
    this.#take(address, sizeBytes, byte);
  }

  /** Views of all widths end where the block does. */
  #view(pick: number, byte: number): void {
    const known = this.#draw(pick);
    if (known === undefined) return;
    const { address, bytes, cache } = known;
    if (cache === undefined && address % 8 === 0) {
      for (const [view, shift] of [
        [this.#heap.u8(address), 0],
        [this.#heap.i32(address), 2],
        [this.#heap.u32(address), 2],
        [this.#heap.f64(address), 3],
      ] as const) {
        if (view.length !== bytes.length >>> shift) throw new Error(`a view of ${view.length} elements`);
      }
      this.#heap.u8(address).fill(byte);
      bytes.fill(byte);
    }
    this.#live.push(known);
  }

  #draw(pick: number): Known | undefined {
    const { length } = this.#live;
    return length === 0 ? undefined : this.#live.splice(pick % length, 1)[0];
  }

  #free(known: Known, isOwn: boolean): void {
    this.#requireSame(known);
    if (known.cache === undefined) (isOwn ? this.#heap : this.#other).free(known.address);
    else (isOwn ? this.#cache : this.#others).free(known.address);
  }

  #requireSame({ address, bytes }: Known): void {
    const found = Buffer.from(this.#heap.buffer, address, bytes.length);
    if (Buffer.compare(found, bytes) === 0) return;
    const index = found.findIndex((byte, at) => byte !== bytes[at]);
    throw new Error(`byte ${index} of ${bytes.length} at ${address} is ${found[index]}, not ${bytes[index]}`);
  }
}
