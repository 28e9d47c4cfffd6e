import { __GFP_ZERO } from "../../gfp/flags.ts";
import { blockAt } from "../../heap/inspect.ts";
import { isUint32 } from "../../memory/arguments.ts";
import { clear } from "../../memory/clear.ts";
import { KmemError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SIZE } from "../../memory/layout.ts";
import { takeBlock } from "./allocate.ts";
import type { DmaCaches } from "./dma-caches.ts";
import { areFlags, wantsDma, wantsZeros, warn } from "./gfp.ts";
import { isSize, type Kernel, NULL, pointer, pointerHex, refresh } from "./kernel.ts";
import { KMALLOC_MAX_BYTES, L1_CACHE_BYTES } from "./layout.ts";

/** What krealloc returns for size 0, and what kfree and ksize take for a block without bytes. */
export const ZERO_SIZE_PTR = 16;

/** Blocks of physical memory. They are aligned to a cache line, 32 bytes, and from a page on to a page. */
export interface KmallocCalls {
  /**
   * Allocates `size` bytes, up to 131,048: 32 pages less the headers of Linux 2.0. NULL and a message above that and
   * when there is no memory. Size 0 gets the smallest block. Contents are whatever was there, or with __GFP_ZERO zero,
   * all that the block can hold. O(1) as a rule.
   */
  kmalloc(size: number, priority: number): number;
  /** Frees a block; NULL does nothing. Refuses what is no live block with a message. O(1). */
  kfree(obj: number): void;
  /** Bytes that the block at `obj` can hold; 0 where none starts there. O(1). */
  ksize(obj: number): number;
  /** As {@link kmalloc}, all zero. O(bytes). */
  kzalloc(size: number, priority: number): number;
  /** Room for `n` members of `size` bytes. NULL where the product overflows. */
  kmalloc_array(n: number, size: number, priority: number): number;
  /** As {@link kmalloc_array}, all zero. */
  kcalloc(n: number, size: number, priority: number): number;
  /**
   * Gives a block a new size: in place while it fits, else by moving its contents. NULL, and the block as it was, when
   * there is no memory. `obj` NULL allocates; `size` 0 frees and returns ZERO_SIZE_PTR. With __GFP_ZERO here and in
   * every call before for this block, what is beyond the size is zero.
   */
  krealloc(obj: number, size: number, priority: number): number;
  /** krealloc to the product. NULL, and the block as it was, where that overflows. */
  krealloc_array(obj: number, n: number, size: number, priority: number): number;
  /** A copy of the bytes at `s` up to and with the first 0. NULL gives NULL. */
  kstrdup(s: number, priority: number): number;
  /** A copy of `len` bytes at `src`. */
  kmemdup(src: number, len: number, priority: number): number;
}

export function kmallocCalls(kernel: Kernel, dma: DmaCaches): KmallocCalls {
  const { heap, memory, geometry, print } = kernel;
  const usable = (obj: number): number => {
    const block = blockAt(heap, obj);
    return block?.live === true && block.address === obj ? block.usableBytes : 0;
  };
  const allocate = (caller: string, size: number, priority: number, more = 0): number => {
    if (!isSize(kernel, caller, size) || !areFlags(kernel, caller, priority)) return NULL;
    const gfp = priority | more;
    if (size > KMALLOC_MAX_BYTES) {
      warn(kernel, gfp, `kmalloc of too large a block (${size} bytes).`);
      return NULL;
    }
    const bytes = Math.max(1, Math.ceil(size / L1_CACHE_BYTES)) * L1_CACHE_BYTES;
    const obj = wantsDma(kernel, gfp) ? dma.alloc(bytes, gfp) : takeBlock(kernel, bytes, gfp);
    if (obj === NULL) warn(kernel, gfp, "Couldn't get a free page.....");
    else if (wantsZeros(gfp)) zero(obj);
    return obj;
  };
  const zero = (obj: number): void => {
    const bytes = heap.usableSize(obj);
    memory.waitForLength(obj + bytes);
    clear(memory, geometry, obj, bytes);
  };
  const kmalloc = (size: number, priority: number): number => allocate("kmalloc", size, priority);
  const kfree = (obj: number): void => {
    if (obj !== NULL && obj !== ZERO_SIZE_PTR) freeBlock(kernel, obj);
  };
  const isProduct = (caller: string, n: number, size: number): boolean =>
    isSize(kernel, caller, n) && isSize(kernel, caller, size) && n * size < ADDRESS_SPACE_BYTES;
  const krealloc = (obj: number, size: number, priority: number): number => {
    if (obj === NULL || obj === ZERO_SIZE_PTR) return allocate("krealloc", size, priority);
    if (!isSize(kernel, "krealloc", size) || !areFlags(kernel, "krealloc", priority)) return NULL;
    const kept = usable(obj);
    if (kept === 0) {
      print(`krealloc: bad ptr ${pointerHex(obj)}.`);
      return NULL;
    }
    if (size === 0) {
      kfree(obj);
      return ZERO_SIZE_PTR;
    }
    memory.waitForLength(obj + kept);
    if (size <= kept) {
      if (wantsZeros(priority)) memory.bytes.fill(0, obj + size, obj + kept);
      return obj;
    }
    const moved = allocate("krealloc", size, priority);
    if (moved === NULL) return NULL;
    memory.waitForLength(moved + size);
    memory.bytes.copyWithin(moved, obj, obj + kept);
    kfree(obj);
    return moved;
  };
  const duplicate = (caller: string, src: number, len: number, priority: number): number => {
    if (!isSize(kernel, caller, len)) return NULL;
    refresh(kernel);
    if (!(isUint32(src) && src + len <= memory.byteLength)) {
      print(`${caller}: bad ptr ${pointerHex(src)}.`);
      return NULL;
    }
    const copy = allocate(caller, len, priority);
    if (copy === NULL) return NULL;
    memory.waitForLength(copy + len);
    memory.bytes.copyWithin(copy, src, src + len);
    return copy;
  };
  return {
    kmalloc,
    kfree,
    ksize: (obj) => usable(obj),
    kzalloc: (size, priority) => allocate("kzalloc", size, priority, __GFP_ZERO),
    kmalloc_array: (n, size, priority) =>
      isProduct("kmalloc_array", n, size) ? allocate("kmalloc_array", n * size, priority) : NULL,
    kcalloc: (n, size, priority) =>
      isProduct("kcalloc", n, size) ? allocate("kcalloc", n * size, priority, __GFP_ZERO) : NULL,
    krealloc,
    krealloc_array: (obj, n, size, priority) =>
      isProduct("krealloc_array", n, size) ? krealloc(obj, n * size, priority) : NULL,
    kstrdup: (s, priority) => {
      if (s === NULL) return NULL;
      refresh(kernel);
      // Without a 0 after it, no length will do.
      const end = isUint32(s) ? memory.bytes.indexOf(0, s) : -1;
      return duplicate("kstrdup", s, end < 0 ? memory.byteLength : end - s + 1, priority);
    },
    kmemdup: (src, len, priority) => duplicate("kmemdup", src, len, priority),
  };
}

function freeBlock({ heap, geometry, print }: Kernel, obj: number): void {
  try {
    heap.free(obj);
  } catch (error) {
    if (!(error instanceof KmemError && ["DOUBLE_FREE", "INVALID_FREE"].includes(error.code))) throw error;
    const frame = isUint32(obj) ? Math.floor(obj / PAGE_SIZE) : Number.NaN;
    const isInside = frame >= geometry.firstPageFrame && frame < geometry.coveredEndFrame;
    const block = error.code === "DOUBLE_FREE" ? blockAt(heap, obj) : undefined;
    if (block !== undefined) {
      print(`kmem_free: Double free detected during checks (objp=${pointer(obj)}, name=${block.cache})`);
    } else print(`kfree: ${isInside ? "bad ptr" : "out of range ptr"} ${pointerHex(obj)}.`);
  }
}
