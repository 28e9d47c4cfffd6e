import type { Kmalloc } from "../../kmalloc/kmalloc.ts";
import type { Layers } from "../../kmalloc/layers.ts";
import type { MemoryWait, WaitOptions } from "../../kmalloc/memory-wait.ts";
import { describeValue } from "../../memory/arguments.ts";
import { OutOfMemoryError } from "../../memory/errors.ts";
import type { Geometry } from "../../memory/header.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import type { PageAllocator } from "../../pages/page-allocator.ts";
import type { CacheTable } from "../../slab/cache-table.ts";
import type { Vmalloc } from "../../vmalloc/vmalloc.ts";

export const NULL = 0;

/** What runs once for each block of a slab. */
export interface BlockFunctions {
  readonly construct?: ((address: number) => void) | undefined;
  readonly destruct?: ((address: number) => void) | undefined;
}

/** How the face makes a cache. */
export interface KernelCacheOptions extends BlockFunctions {
  readonly name: string;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
  readonly colourBytes?: number;
  readonly dma: boolean;
  readonly keepsSlabs: boolean;
  readonly ownerFlags: number;
}

/** A cache of the heap, as far as the face uses it. */
export interface KernelCache {
  readonly name: string;
  readonly sizeBytes: number;
  readonly hasConstructor: boolean;
  alloc(): number;
  tryAlloc(): number;
  allocWait(options: WaitOptions): number;
  free(address: number): void;
  shrink(slabLimit?: number): number;
  destroy(): void;
  stats(): { readonly liveBlocks: number };
}

/** How the face takes pages. */
export interface KernelPageOptions {
  readonly alignmentBytes: number;
  readonly dma: boolean;
  readonly reserve: boolean;
}

/** The heap, as far as the face uses it. */
export interface KernelHeap {
  readonly pages: {
    tryAlloc(count: number, options: KernelPageOptions): number;
    allocWait(count: number, options: KernelPageOptions & WaitOptions): number;
  };
  alloc(sizeBytes: number): number;
  tryAlloc(sizeBytes: number): number;
  allocWait(sizeBytes: number, options: WaitOptions): number;
  free(address: number): void;
  usableSize(address: number): number;
  blockAt(
    address: number,
  ):
    | { readonly address: number; readonly usableBytes: number; readonly cache: string; readonly live: boolean }
    | undefined;
  createCache(options: KernelCacheOptions): KernelCache;
  openCache(name: string, functions: BlockFunctions): KernelCache;
  /** Throws once the heap was detached. */
  readonly attachment: unknown;
}

/** What all functions of the face work on. */
export interface Kernel {
  readonly layers: Layers;
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly heap: KernelHeap;
  readonly kmalloc: Kmalloc;
  readonly waits: MemoryWait;
  readonly vm: Vmalloc;
  /** Index in `words` of the anchor page. */
  readonly anchorWord: number;
  /** Milliseconds that who may wait waits for other threads to free memory. */
  readonly waitMs: number;
  readonly print: (message: string) => void;
}

/** Views of the memory as it is now. Throws DETACHED once the heap was detached. */
export function refresh({ heap }: Kernel): void {
  void heap.attachment;
}

/** Whether a number is a size_t; prints the call's complaint where it is none. */
export function isSize({ print }: Kernel, caller: string, size: number): boolean {
  if (Number.isInteger(size) && size >= 0) return true;
  print(`${caller}: not a size: ${describeValue(size)}`);
  return false;
}

/**
 * The first `count` items of a list of the caller's, all where it has no more, in a list of their own; prints the
 * call's complaint where it is none, or one that cannot be read. O(items).
 */
export function listOf({ print }: Kernel, caller: string, list: unknown, count: number): number[] | undefined {
  try {
    if (Array.isArray(list)) return Array.from({ length: Math.min(list.length, count) }, (_, index) => list[index]);
  } catch {
    // The list runs code of its own.
  }
  print(`${caller}: not a list: ${describeValue(list)}`);
  return undefined;
}

/**
 * Whether an argument is a function or NULL, which 0 and what is left out are in C as well; prints the call's complaint
 * where it is neither.
 */
export function isFunctionOrNull({ print }: Kernel, caller: string, name: string, value: unknown): boolean {
  if (typeof value === "function" || value === null || value === undefined || value === NULL) return true;
  print(`${caller}: ${name} is no function: ${describeValue(value)}`);
  return false;
}

/** What an allocation returns, NULL where it says that there is no memory. */
export function orNull(allocate: () => number): number {
  try {
    return allocate();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return NULL;
    throw error;
  }
}

/** Hexadecimal digits of a pointer as a 32-bit kernel prints it. */
const POINTER_DIGITS = 8;

/** A pointer as %p. */
export function pointer(address: number): string {
  if (!Number.isInteger(address) || address < 0) return describeValue(address);
  return address.toString(16).padStart(POINTER_DIGITS, "0");
}
