import type { CheckableHeap, ReplayCache, ReplayPages } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";
import { BlockPages } from "./block-pages.ts";

/** What a block of malloc is aligned to. */
export const MIN_ALIGNMENT_BYTES = 16;
/** The largest size_t of 32-bit addresses. */
const SIZE_MAX = 2 ** 32 - 1;
/** Blocks are cleared by copying from here: V8 fills shared memory element by element, but copies it by words. */
const ZEROS = new Uint8Array(2 ** 16);

/** What the check of an engine answers. */
export type EngineCheck = ReturnType<CheckableHeap["check"]>;

/**
 * A replay over an engine that has blocks of any size and nothing else: what malloc and its family are beyond alloc and
 * free, made of these two. Slab caches are the engine's blocks, as a native malloc's are; so are pages.
 */
export abstract class EngineHeap implements CheckableHeap {
  readonly buffer: ArrayBufferLike;
  readonly pages: ReplayPages;
  readonly #bytes: Uint8Array;
  /** By the address of an aligned block that lies inside of one of the engine's: where that begins. */
  readonly #starts = new Map<number, number>();

  /** @param pages where the engine has some of its own. */
  constructor(buffer: ArrayBufferLike, pages?: ReplayPages) {
    this.buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.pages = pages ?? this.#makePages();
  }

  abstract readonly footprintBytes: number;
  abstract check(): EngineCheck;

  /** A block of the engine, aligned to 16 at least; 0 when there is no memory. Takes every size from 0. */
  protected abstract take(sizeBytes: number): number;
  /** Frees a block of the engine. */
  protected abstract release(address: number): void;
  /** Bytes that a live block of the engine can hold. */
  protected abstract capacity(address: number): number;

  alloc(sizeBytes: number): number {
    const address = this.take(sizeBytes);
    if (address === 0) throw outOfMemory();
    return address;
  }

  calloc(count: number, sizeBytes: number): number {
    const address = this.alloc(count * sizeBytes);
    const end = address + count * sizeBytes;
    for (let at = address; at < end; at += ZEROS.length) {
      this.#bytes.set(end - at < ZEROS.length ? ZEROS.subarray(0, end - at) : ZEROS, at);
    }
    return address;
  }

  /** A block stays where it is while it fits, as with Linux's krealloc. */
  realloc(address: number, sizeBytes: number): number {
    if (address === 0) return this.alloc(sizeBytes);
    const usableBytes = this.usableSize(address);
    if (sizeBytes <= usableBytes) return address;
    const moved = this.alloc(sizeBytes);
    this.#bytes.copyWithin(moved, address, address + usableBytes);
    this.free(address);
    return moved;
  }

  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    const address = this.takeAligned(alignmentBytes, sizeBytes);
    if (address === 0) throw outOfMemory();
    return address;
  }

  free(address: number): void {
    if (address === 0) return;
    if (this.#starts.size === 0) {
      this.release(address);
      return;
    }
    const start = this.#startOf(address);
    this.#starts.delete(address);
    this.release(start);
  }

  usableSize(address: number): number {
    const start = this.#startOf(address);
    return this.capacity(start) - (address - start);
  }

  createCache({ sizeBytes }: { readonly sizeBytes: number }): ReplayCache {
    return { alloc: () => this.alloc(sizeBytes), free: (address) => this.free(address) };
  }

  /** What the engine keeps for later goes back by itself. */
  trim(): number {
    return 0;
  }

  /** Of an engine that aligns to 16 only: the aligned part of a block that is larger by the alignment. */
  protected takeAligned(alignmentBytes: number, sizeBytes: number): number {
    if (alignmentBytes <= MIN_ALIGNMENT_BYTES) return this.take(sizeBytes);
    const wholeBytes = sizeBytes + alignmentBytes - MIN_ALIGNMENT_BYTES;
    const start = wholeBytes > SIZE_MAX ? 0 : this.take(wholeBytes);
    const address = Math.ceil(start / alignmentBytes) * alignmentBytes;
    if (address !== start) this.#starts.set(address, start);
    return address;
  }

  #makePages(): ReplayPages {
    return new BlockPages(this.buffer.byteLength / PAGE_BYTES, {
      alloc: (sizeBytes) => this.takeAligned(PAGE_BYTES, sizeBytes),
      free: (address) => this.free(address),
    });
  }

  #startOf(address: number): number {
    return this.#starts.get(address) ?? address;
  }
}

/** The error that a replay counts as an allocation that failed. */
function outOfMemory(): Error {
  return Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY" });
}
