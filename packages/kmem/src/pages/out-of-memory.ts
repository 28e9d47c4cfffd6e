import { OutOfMemoryError } from "../memory/errors.ts";
import type { PageAllocator } from "./page-allocator.ts";

/** The error for a request that no pages are left for, with the figures as they are now. O(frames). */
export function outOfMemory(pages: PageAllocator, askedBytes: number): OutOfMemoryError {
  const { freeBytes } = pages;
  return new OutOfMemoryError({ askedBytes, freeBytes, largestFreeRunBytes: pages.largestFreeRunBytes() });
}
