import type { Cache } from "../../heap/cache.ts";
import { PAGE_SIZE } from "../../memory/layout.ts";
import { mayWait, usesReserve, waitFor, wantsDma, withoutSleep } from "./gfp.ts";
import { type Kernel, NULL, orNull } from "./kernel.ts";

/** A block of the heap, had as the mask says, or NULL. */
export function takeBlock(kernel: Kernel, bytes: number, gfp: number): number {
  const { heap } = kernel;
  if (usesReserve(gfp)) return heap.tryAlloc(bytes);
  const now = (): number => orNull(() => heap.alloc(bytes));
  if (!mayWait(gfp)) return withoutSleep(kernel, now);
  const pageCount = Math.ceil(bytes / PAGE_SIZE);
  return now() || waitFor(kernel, gfp, pageCount, (options) => heap.allocWait(bytes, options));
}

/** An object of a cache, or NULL; `slabPages` are the pages of its slabs. */
export function takeObject(kernel: Kernel, cache: Cache, gfp: number, slabPages: number): number {
  if (usesReserve(gfp)) return cache.tryAlloc();
  const now = (): number => orNull(() => cache.alloc());
  if (!mayWait(gfp)) return withoutSleep(kernel, now);
  return now() || waitFor(kernel, gfp, slabPages, (options) => cache.allocWait(options));
}

/** Address of the first of `count` neighbouring pages, or NULL. */
export function takePages(kernel: Kernel, count: number, gfp: number, alignmentBytes: number): number {
  const { pages } = kernel.heap;
  const wanted = { alignmentBytes, dma: wantsDma(kernel, gfp), reserve: usesReserve(gfp) };
  const now = (): number => pages.tryAlloc(count, wanted);
  if (!mayWait(gfp)) return withoutSleep(kernel, now);
  return now() || waitFor(kernel, gfp, count, (options) => pages.allocWait(count, { ...wanted, ...options }));
}

/**
 * A virtual area, or NULL, for a caller who may wait: `allocate` says how, and takes its pages one by one, so that
 * reclaiming and waiting come into play here and not below.
 */
export function takeArea(kernel: Kernel, gfp: number, pageCount: number, allocate: () => number): number {
  const now = (): number => orReclaim(kernel, allocate);
  return now() || waitFor(kernel, gfp, pageCount, (options) => kernel.waits.wait(now, options));
}

/** Tries once more when what lies idle has been taken back, and again when shrinkers have given. */
function orReclaim({ kmalloc }: Kernel, allocate: () => number): number {
  const address = allocate();
  if (address !== NULL) return address;
  const retried = kmalloc.reclaim() > 0 ? allocate() : NULL;
  if (retried !== NULL || kmalloc.shrinkers.shrink() === 0) return retried;
  kmalloc.reclaim();
  return allocate();
}
