import { atomik } from "kmem/atomik";
import type { HeapPlan } from "../replay/replay-heap.ts";
import { type EngineCheck, EngineHeap, MIN_ALIGNMENT_BYTES } from "./engine-heap.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";
import { PageUse } from "./page-use.ts";

/** A `struct kas_chunk` of the Atomik page: the header before each block, of which these words are read. */
const CHUNK_HEADER_BYTES = 32;
const CHUNK_STATE_WORD = 1;
const CHUNK_SIZE_WORD = 2;
const CHUNK_BUSY = 1;
/** The unit of `kc_size`, which counts the header. */
const CHUNK_BLOCK_BYTES = 16;
/** Bytes of a `struct kas_hdr`, behind which the first chunk stands. */
const REGION_HEADER_BYTES = 32;
const WORD_BYTES = 4;

/** Which free chunk a region takes: the largest (`kmalloc`), or the first that is large enough (`kmalloc_fast`). */
export type Fit = "worst" | "first";

/** The kmalloc of the Atomik page: one region over a whole SharedArrayBuffer. */
export function createRegionHeap(fit: Fit, plan: HeapPlan): RegionHeap {
  const { peakLiveBytes, peakLiveBlockCount } = plan;
  const blockBytes = peakLiveBlockCount * (CHUNK_HEADER_BYTES + MIN_ALIGNMENT_BYTES);
  return new RegionHeap(fit, heapBytes((peakLiveBytes + blockBytes) * HEAP_BYTES_PER_LIVE_BYTE, plan));
}

/** A region as the heap of a replay. */
export class RegionHeap extends EngineHeap {
  readonly #words: Uint32Array;
  readonly #header: number;
  readonly #allocate: (sizeBytes: number) => number;
  readonly #kfree: (address: number) => void;
  readonly #check: () => EngineCheck["findings"];
  /** From the first time that somebody asks for the footprint: counting would cost the passes that are timed. */
  #use: PageUse | undefined;

  constructor(fit: Fit, sizeBytes: number) {
    const buffer = new SharedArrayBuffer(sizeBytes);
    super(buffer);
    const kernel = atomik(buffer, { print: refuse });
    const header = kernel.kmalloc_init(0, sizeBytes - 1);
    this.#words = new Uint32Array(buffer);
    this.#header = header;
    this.#allocate =
      fit === "worst" ? (bytes) => kernel.kmalloc(bytes, header) : (bytes) => kernel.kmalloc_fast(bytes, header);
    this.#kfree = (address) => kernel.kfree(address, header);
    this.#check = () => kernel.check();
  }

  /** The pages that hold a part of a busy chunk, or a header. All that describes the region lies in these. */
  get footprintBytes(): number {
    this.#use ??= this.#countUse();
    return this.#use.usedBytes;
  }

  check(): EngineCheck {
    return { findings: this.#check() };
  }

  protected take(sizeBytes: number): number {
    const address = this.#allocate(sizeBytes);
    if (this.#use !== undefined && address !== 0) {
      this.#use.add(address - CHUNK_HEADER_BYTES, this.#endInUse(address));
    }
    return address;
  }

  protected release(address: number): void {
    this.#use?.remove(address - CHUNK_HEADER_BYTES, this.#endInUse(address));
    this.#kfree(address);
  }

  protected capacity(address: number): number {
    return this.#chunkWord(address, CHUNK_SIZE_WORD) * CHUNK_BLOCK_BYTES - CHUNK_HEADER_BYTES;
  }

  #chunkWord(address: number, word: number): number {
    return this.#words[(address - CHUNK_HEADER_BYTES) / WORD_BYTES + word]!;
  }

  /** The end of a block and of the header behind it, which is there because the block is. */
  #endInUse(address: number): number {
    return address + this.capacity(address) + CHUNK_HEADER_BYTES;
  }

  #countUse(): PageUse {
    const use = new PageUse(this.buffer.byteLength);
    const first = this.#header + REGION_HEADER_BYTES + CHUNK_HEADER_BYTES;
    use.add(this.#header, first);
    for (let at = first; at < this.buffer.byteLength; at = this.#endInUse(at)) {
      if (this.#chunkWord(at, CHUNK_STATE_WORD) === CHUNK_BUSY) use.add(at - CHUNK_HEADER_BYTES, this.#endInUse(at));
    }
    return use;
  }
}

/** The kernel prints only what it refuses; want of memory it does not mention. */
function refuse(message: string): never {
  throw new Error(message);
}
