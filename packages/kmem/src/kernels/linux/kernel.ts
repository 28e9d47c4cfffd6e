import { attachmentOf } from "../../heap/access.ts";
import type { Heap } from "../../heap/heap.ts";
import type { KmallocSlowPath } from "../../kmalloc/kmalloc.ts";
import type { Layers } from "../../kmalloc/layers.ts";
import type { MemoryWait } from "../../kmalloc/memory-wait.ts";
import { describeValue } from "../../memory/arguments.ts";
import { OutOfMemoryError } from "../../memory/errors.ts";
import type { Geometry } from "../../memory/header.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import type { PageAllocator } from "../../pages/page-allocator.ts";
import type { CacheTable } from "../../slab/cache-table.ts";
import type { Vmalloc } from "../../vmalloc/vmalloc.ts";

export const NULL = 0;

/** What all functions of the face work on. */
export interface Kernel {
  readonly layers: Layers;
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly heap: Heap;
  readonly kmalloc: KmallocSlowPath;
  readonly waits: MemoryWait;
  readonly vm: Vmalloc;
  /** Index in `words` of the anchor page. */
  readonly anchorWord: number;
  /** Milliseconds that who may wait waits for other threads to free memory. */
  readonly waitMs: number;
  readonly print: (message: string) => void;
}

/** Renews the views of a memory that has grown. Throws DETACHED once the heap was detached. */
export function refresh({ heap }: Kernel): void {
  void attachmentOf(heap);
}

/** Whether a size is a whole number from 0 on; prints the call's complaint where it is none. */
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

/** A pointer as %lxh; what is no number has no hexadecimal digits to put an h behind. */
export function pointerHex(address: number): string {
  return pointer(address) + (typeof address === "number" ? "h" : "");
}

/** A pointer as %p. */
export function pointer(address: number): string {
  if (!Number.isInteger(address) || address < 0) return describeValue(address);
  return address.toString(16).padStart(POINTER_DIGITS, "0");
}
