import { BucketHeap, type BucketStats, isPageAddress } from "../../bucket/bucket-heap.ts";
import type { BucketFinding } from "../../bucket/check.ts";
import { BUCKET_MAX_BYTES } from "../../bucket/layout.ts";
import { attachmentOf, layersOf } from "../../heap/access.ts";
import { checkHeap } from "../../heap/check.ts";
import type { Heap } from "../../heap/heap.ts";
import { heapIn } from "../../heap/heap-in.ts";
import { describeValue } from "../../memory/arguments.ts";
import { hex, OutOfMemoryError } from "../../memory/errors.ts";
import type { Finding } from "../../memory/finding.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SIZE } from "../../memory/layout.ts";
import type { MemorySource } from "../../memory/memory.ts";
import { defaultConsole, type KernelConsole, requireConsole } from "../console.ts";

export { type KernelConsole, LogRing } from "../console.ts";

/** Feature flags passed to the kmalloc function family; each selects buckets of its own. */
export const kmalloc_flags: { readonly KMALLOC_DEFAULT: 0; readonly KMALLOC_KERNEL: 8 } = {
  KMALLOC_DEFAULT: 0,
  KMALLOC_KERNEL: 8,
};
/** `kmalloc_flags.KMALLOC_DEFAULT`: no flag. */
export const KMALLOC_DEFAULT: 0 = kmalloc_flags.KMALLOC_DEFAULT;
/** `kmalloc_flags.KMALLOC_KERNEL`, as the document has it. */
export const KMALLOC_KERNEL: 8 = kmalloc_flags.KMALLOC_KERNEL;

/** The largest size_t: addresses have 32 bits. */
export const SIZE_MAX: number = ADDRESS_SPACE_BYTES - 1;

const NULL = 0;

/** What a check of the kernel found: the heap below and the buckets. */
export interface MyKernelReport {
  /** Whether nothing was found. */
  readonly isClean: boolean;
  /** All that was found, in the heap and in the buckets. */
  readonly findings: readonly (Finding | BucketFinding)[];
}

/** A live block of a bucket. */
export interface MyKernelBlock {
  /** First byte of the block. */
  readonly address: number;
  /** Bytes that it can hold. */
  readonly usableBytes: number;
  /** The flags that it was allocated with. */
  readonly flags: number;
}

/**
 * The kernel of the My Kernel page. Pointers are byte offsets in the heap's buffer, NULL is 0. Sizes are whole numbers
 * from 0 to SIZE_MAX, flags a combination of {@link kmalloc_flags}. Nothing throws: what is refused prints its reason,
 * changes no byte and returns NULL. Any thread that has bound the functions to the heap works at any time, and frees
 * what any other allocated. Once the heap is detached, every call throws DETACHED.
 */
export interface MyKernel {
  /**
   * Allocates `size` bytes in the bucket with the smallest blocks that fit, aligned to the block's size up to a page.
   * NULL for size 0 and when there is no memory. O(1); O(blocks of a bucket) when it needs a new one.
   */
  kmalloc(size: number, flags: number): number;
  /** Allocates `nmemb` members of `size` bytes, all 0. NULL when the product is 0 or above SIZE_MAX. O(bytes). */
  kcalloc(nmemb: number, size: number, flags: number): number;
  /** Frees a pointer of kmalloc, kcalloc, krealloc or krealloc_array; NULL does nothing. O(1). */
  kfree(ptr: number): void;
  /**
   * Gives a block a new size or other flags and returns where it is now. It stays where it is while it fits; else its
   * contents move to a new one and it is freed. When there is no memory it stays valid, and NULL is returned. `ptr`
   * NULL allocates, `size` 0 frees and returns NULL. What is new is not cleared. O(bytes moved).
   */
  krealloc(ptr: number, size: number, flags: number): number;
  /** As krealloc, for `nmemb` members of `size` bytes. Returns `ptr` as it was when the product is above SIZE_MAX. */
  krealloc_array(ptr: number, nmemb: number, size: number, flags: number): number;
  /**
   * Whole neighbouring pages for `size` bytes, in the heap's DMA zone if it has one. NULL for size 0 and when there is
   * no such stretch. O(orders) as a rule, O(pages) at most.
   */
  kmalloc_dma(size: number): number;
  /** Frees a buffer of kmalloc_dma by its first address; NULL does nothing. O(pages). */
  kfree_dma(dma_ptr: number): void;
  /** Bytes that the live block at `ptr` can hold, 0 where none starts there. Not in the document. O(1). */
  ksize(ptr: number): number;
  /** The flags by their names in the document. */
  readonly kmalloc_flags: typeof kmalloc_flags;
  /** No flag. */
  readonly KMALLOC_DEFAULT: 0;
  /** The flag for the kernel's own memory, as the document has it. */
  readonly KMALLOC_KERNEL: 8;
  /** The heap that the kernel's pages come from. */
  readonly heap: Heap;
  /** All blocks of buckets that are live when the first is asked for, in address order. O(frames + blocks). */
  blocks(): Generator<MyKernelBlock>;
  /** Buckets, their live blocks and the buffers for DMA. O(1). */
  stats(): BucketStats;
  /** Verifies every invariant of the heap and of the buckets while other threads are at rest; reads only. O(heap). */
  check(): MyKernelReport;
}

/**
 * Binds the functions of the My Kernel page to a memory: a {@link Heap}, or a buffer that holds one at its beginning or
 * gets one now. The buckets' own page is made the first time; a second binding finds it. Prints to `console`, a ring
 * that echoes to console.error unless another is given. Throws as `Heap.create` and `Heap.attach` do, and
 * {@link OutOfMemoryError} when no page is left.
 */
export function mykernel(memory: Heap | MemorySource, console: KernelConsole = defaultConsole()): MyKernel {
  requireConsole(console);
  return new Kernel(heapIn(memory), console);
}

function openBuckets(heap: Heap, console: KernelConsole): BucketHeap {
  const { layers } = attachmentOf(heap);
  const { pages } = layers;
  const buckets = BucketHeap.open(layers, (problem) => console.print(`kmalloc: ${problem}`));
  if (buckets !== undefined) return buckets;
  throw new OutOfMemoryError({
    askedBytes: PAGE_SIZE,
    freeBytes: pages.freeBytes,
    largestFreeRunBytes: pages.largestFreeRunBytes(),
  });
}

class Kernel implements MyKernel {
  readonly kmalloc_flags: typeof kmalloc_flags = kmalloc_flags;
  readonly KMALLOC_DEFAULT = 0;
  readonly KMALLOC_KERNEL = 8;
  readonly heap: Heap;
  readonly #buckets: BucketHeap;
  readonly #console: KernelConsole;

  constructor(heap: Heap, console: KernelConsole) {
    this.heap = heap;
    this.#console = console;
    this.#buckets = openBuckets(heap, console);
  }

  readonly kmalloc = (size: number, flags: number): number => {
    if (!this.#areValid("kmalloc", [size], flags)) return NULL;
    return this.#allocate(size, flags);
  };

  readonly kcalloc = (nmemb: number, size: number, flags: number): number => {
    if (!this.#areValid("kcalloc", [nmemb, size], flags)) return NULL;
    if (this.#overflows("kcalloc", nmemb, size)) return NULL;
    const ptr = this.#allocate(nmemb * size, flags);
    if (ptr !== NULL) this.#buckets.clear(ptr, nmemb * size);
    return ptr;
  };

  readonly kfree = (ptr: number): void => {
    if (ptr === NULL) return;
    this.#requireAttached();
    const state = this.#buckets.free(ptr);
    if (state === "foreign") this.#console.print(`kfree: no backing bucket for ${hex(ptr)}`);
    if (state === "free") this.#console.print(`kfree: the block at ${hex(ptr)} is already free`);
    if (state === "inside") this.#console.print(`kfree: address is not the start of a block: ${hex(ptr)}`);
    if (state === "dma") this.#console.print(`kfree: ${hex(ptr)} belongs to a DMA buffer, free it with kfree_dma`);
  };

  readonly krealloc = (ptr: number, size: number, flags: number): number => {
    if (!this.#areValid("krealloc", [size], flags)) return NULL;
    return this.#reallocate(ptr, size, flags);
  };

  readonly krealloc_array = (ptr: number, nmemb: number, size: number, flags: number): number => {
    if (!this.#areValid("krealloc_array", [nmemb, size], flags)) return NULL;
    if (!this.#overflows("krealloc_array", nmemb, size)) return this.#reallocate(ptr, nmemb * size, flags);
    return ptr === NULL || this.#liveBlock(ptr) === undefined ? NULL : ptr;
  };

  readonly kmalloc_dma = (size: number): number => {
    if (!this.#areValid("kmalloc_dma", [size], KMALLOC_KERNEL)) return NULL;
    if (size === 0 || size > SIZE_MAX) return NULL;
    return this.#orReclaim(() => this.#buckets.allocDma(size));
  };

  readonly kfree_dma = (dma_ptr: number): void => {
    if (dma_ptr === NULL) return;
    this.#requireAttached();
    if (!isPageAddress(dma_ptr)) {
      this.#console.print(`kfree_dma: address is not the start of a page: ${hex(dma_ptr)}`);
    } else if (!this.#buckets.freeDma(dma_ptr)) this.#console.print(`free: no backing segment for ${hex(dma_ptr)}`);
  };

  readonly ksize = (ptr: number): number => {
    this.#requireAttached();
    return this.#buckets.blockAt(ptr)?.usableBytes ?? 0;
  };

  readonly stats = (): BucketStats => {
    this.#requireAttached();
    return this.#buckets.stats();
  };

  readonly check = (): MyKernelReport => {
    this.#requireAttached();
    const findings = [...checkHeap(this.heap).findings, ...this.#buckets.check()];
    return { isClean: findings.length === 0, findings };
  };

  readonly blocks = (): Generator<MyKernelBlock> => this.#liveBlocks();

  *#liveBlocks(): Generator<MyKernelBlock> {
    this.#requireAttached();
    for (const { address, usableBytes, pool } of this.#buckets.blocks()) {
      yield { address, usableBytes, flags: pool * KMALLOC_KERNEL };
    }
  }

  /** Throws DETACHED once the heap was detached. */
  #requireAttached(): void {
    void attachmentOf(this.heap);
  }

  /** Prints what is wrong with the first bad argument. A size above SIZE_MAX is no fault: no memory holds it. */
  #areValid(caller: string, sizes: readonly number[], flags: number): boolean {
    for (const size of sizes) {
      if (Number.isInteger(size) && size >= 0) continue;
      this.#console.print(`${caller}: not a size: ${describeValue(size)}`);
      return false;
    }
    if (flags === KMALLOC_DEFAULT || flags === KMALLOC_KERNEL) return true;
    this.#console.print(`${caller}: not a combination of kmalloc_flags: ${describeValue(flags)}`);
    return false;
  }

  #overflows(caller: string, nmemb: number, size: number): boolean {
    if (nmemb <= SIZE_MAX && size <= SIZE_MAX && nmemb * size <= SIZE_MAX) return false;
    this.#console.print(`${caller}: ${nmemb} members of ${size} bytes overflow`);
    return true;
  }

  #allocate(size: number, flags: number): number {
    if (size === 0 || size > BUCKET_MAX_BYTES) return NULL;
    return this.#orReclaim(() => this.#buckets.alloc(size, flags / KMALLOC_KERNEL));
  }

  /** Tries once more when the heap beside the buckets could give back pages that lay idle. */
  #orReclaim(allocate: () => number): number {
    this.#requireAttached();
    const ptr = allocate();
    return ptr === NULL && this.heap.trim() > 0 ? allocate() : ptr;
  }

  #liveBlock(ptr: number): MyKernelBlock | undefined {
    this.#requireAttached();
    const block = this.#buckets.blockAt(ptr);
    if (block !== undefined) return { ...block, flags: block.pool * KMALLOC_KERNEL };
    this.#console.print(`reallocating an invalid pointer: ${hex(ptr)}`);
    return undefined;
  }

  #reallocate(ptr: number, size: number, flags: number): number {
    if (ptr === NULL) return this.#allocate(size, flags);
    const old = this.#liveBlock(ptr);
    if (old === undefined) return NULL;
    if (size === 0) {
      this.#buckets.free(ptr);
      return NULL;
    }
    if (size <= old.usableBytes && flags === old.flags) return ptr;
    const moved = this.#allocate(size, flags);
    if (moved === NULL) return NULL;
    layersOf(this.heap).memory.bytes.copyWithin(moved, ptr, ptr + Math.min(old.usableBytes, size));
    this.#buckets.free(ptr);
    return moved;
  }
}
