import type { ReplayCache, ReplayHeap, ReplayPages } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";
import { BlockPages } from "./block-pages.ts";

/** `new Uint8Array(n)` for each block, which V8 collects after it was freed. */
export function createHeap(): ArraysHeap {
  return new ArraysHeap();
}

/**
 * Arrays as the heap of a replay. An address is the place of an array in a table, from 1 on; a run of pages has numbers
 * of its own, of which none comes twice. V8 clears every array, and its garbage collector takes its time when it likes:
 * both are part of the price.
 */
export class ArraysHeap implements ReplayHeap {
  readonly pages: ReplayPages;
  readonly #arrays: (Uint8Array | undefined)[] = [undefined];
  readonly #freeAddresses: number[] = [];
  /** By the address of the first page: the address of the array. */
  readonly #runs = new Map<number, number>();
  #nextPage = 1;
  #liveBytes = 0;

  constructor() {
    this.pages = new BlockPages(MAX_PAGE_COUNT, {
      alloc: (sizeBytes) => {
        const start = this.#nextPage * PAGE_BYTES;
        if (start + sizeBytes > MAX_PAGE_COUNT * PAGE_BYTES) return 0;
        this.#runs.set(start, this.alloc(sizeBytes));
        this.#nextPage += sizeBytes / PAGE_BYTES;
        return start;
      },
      free: (start) => {
        this.free(this.#runs.get(start)!);
        this.#runs.delete(start);
      },
    });
  }

  /** Bytes of the live arrays; what V8 keeps of dead ones and for the objects themselves cannot be told quickly. */
  get footprintBytes(): number {
    return this.#liveBytes;
  }

  /** Arrays are no part of one buffer. */
  get keepsStateOutside(): boolean {
    return true;
  }

  /** Writes a byte to every page of a block, or of a run of pages; no workload has both. */
  touch(address: number, sizeBytes: number): void {
    const array = this.#arrays[this.#runs.get(address) ?? address];
    if (array === undefined || sizeBytes === 0) return;
    for (let at = 0; at < sizeBytes; at += PAGE_BYTES) array[at] = 1;
    array[sizeBytes - 1] = 1;
  }

  /** The array that stands for a block. */
  arrayAt(address: number): Uint8Array {
    return this.#arrays[address]!;
  }

  alloc(sizeBytes: number): number {
    const array = makeArray(sizeBytes);
    const address = this.#freeAddresses.pop() ?? this.#arrays.length;
    this.#arrays[address] = array;
    this.#liveBytes += sizeBytes;
    return address;
  }

  calloc(count: number, sizeBytes: number): number {
    return this.alloc(count * sizeBytes);
  }

  realloc(address: number, sizeBytes: number): number {
    if (address === 0) return this.alloc(sizeBytes);
    const old = this.#arrays[address]!;
    const array = makeArray(sizeBytes);
    array.set(old.length <= sizeBytes ? old : old.subarray(0, sizeBytes));
    this.#arrays[address] = array;
    this.#liveBytes += sizeBytes - old.length;
    return address;
  }

  /** An array has its bytes to itself and begins where it begins: there is nothing to align. */
  alignedAlloc(_alignmentBytes: number, sizeBytes: number): number {
    return this.alloc(sizeBytes);
  }

  free(address: number): void {
    if (address === 0) return;
    this.#liveBytes -= this.#arrays[address]!.length;
    this.#arrays[address] = undefined;
    this.#freeAddresses.push(address);
  }

  usableSize(address: number): number {
    return this.#arrays[address]!.length;
  }

  createCache({ sizeBytes }: { readonly sizeBytes: number }): ReplayCache {
    return { alloc: () => this.alloc(sizeBytes), free: (address) => this.free(address) };
  }
}

/** Pages of the address space out of which runs of pages take their numbers, each of them once. */
const MAX_PAGE_COUNT = 2 ** 20;

/** V8 refuses by a RangeError what it has no memory for. */
function makeArray(sizeBytes: number): Uint8Array {
  try {
    return new Uint8Array(sizeBytes);
  } catch (error) {
    throw Object.assign(new Error("out of memory", { cause: error }), { code: "OUT_OF_MEMORY" });
  }
}
