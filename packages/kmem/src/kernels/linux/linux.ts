import { attachmentOf, layersOf } from "../../heap/access.ts";
import { checkHeap } from "../../heap/check.ts";
import type { Heap } from "../../heap/heap.ts";
import { heapIn } from "../../heap/heap-in.ts";
import { reportingTo } from "../../heap/report-sink.ts";
import { type Checks, readOptions, requireAmount } from "../../memory/arguments.ts";
import { OutOfMemoryError } from "../../memory/errors.ts";
import type { Finding } from "../../memory/finding.ts";
import { PAGE_SIZE } from "../../memory/layout.ts";
import type { MemorySource } from "../../memory/memory.ts";
import { defaultConsole, type KernelConsole, requireConsole } from "../console.ts";
import { openAnchor } from "./anchor.ts";
import { DmaCaches } from "./dma-caches.ts";
import type { Kernel } from "./kernel.ts";
import { type KmallocCalls, kmallocCalls } from "./kmalloc.ts";
import { type CacheCalls, cacheCalls } from "./kmem-cache.ts";
import { type MempoolCalls, mempoolCalls } from "./mempool.ts";
import { type PageCalls, pageCalls } from "./pages.ts";
import { type VmallocCalls, vmallocCalls } from "./virtual.ts";

export * from "../../gfp/flags.ts";
export { PAGE_SIZE } from "../../memory/layout.ts";
export { type KernelConsole, LogRing } from "../console.ts";
export { type KmallocCalls, ZERO_SIZE_PTR } from "./kmalloc.ts";
export type { CacheCalls, CacheFunction } from "./kmem-cache.ts";
export { KMALLOC_MAX_BYTES, L1_CACHE_BYTES } from "./layout.ts";
export type { MempoolAlloc, MempoolCalls, MempoolFree } from "./mempool.ts";
export type { PageCalls } from "./pages.ts";
export type { VmallocCalls } from "./virtual.ts";

/** A broken invariant of the heap or of the virtual memory. */
export interface LinuxFinding extends Omit<Finding, "layer"> {
  /** The layer that it was found in. */
  readonly layer: Finding["layer"] | "vmalloc";
}

/** What a check of the kernel found. */
export interface LinuxReport {
  /** Whether nothing was found. */
  readonly isClean: boolean;
  /** All that was found. */
  readonly findings: readonly LinuxFinding[];
}

/** Milliseconds that who may wait waits for other threads, unless the binding says otherwise. */
const DEFAULT_WAIT_MS = 100;

/** How the functions are bound. */
export interface LinuxOptions {
  /**
   * Milliseconds that a caller with __GFP_WAIT waits for other threads to free memory, before it gets NULL. 0 or more,
   * also Infinity. Where no other thread is attached nobody waits. Default 100.
   */
  readonly waitMs?: number;
}

const LINUX_CHECKS: Checks<LinuxOptions> = { waitMs: requireAmount };

/**
 * The memory functions of an old Linux. Pointers are byte offsets in the heap's buffer, or virtual addresses above
 * them; NULL is 0. Nothing throws where Linux returns NULL: what is refused prints its reason and changes no byte. Any
 * thread that has bound the functions to the heap works at any time, and frees what any other allocated; functions of
 * caches and mempools are each binding's own. Once the heap is detached, what asks for or gives memory throws DETACHED.
 *
 * There is no set_shrinker or register_shrinker: Linux has them from 2.5 and 2.6 on, and the document's is 2.4.
 * `heap.addShrinker` does their work: what it adds is asked by every mask with __GFP_WAIT.
 */
export interface Linux extends KmallocCalls, PageCalls, VmallocCalls, CacheCalls, MempoolCalls {
  /** The heap that all memory comes from. */
  readonly heap: Heap;
  /** Verifies every invariant of heap and virtual memory while other threads are at rest; reads only. O(heap). */
  check(): LinuxReport;
}

/**
 * Binds the functions of the Linux pages to a memory: a {@link Heap}, or a buffer that holds one at its beginning or
 * gets one now. A page of the heap's own leads to the virtual memory; a second binding finds it, and the caches, and of
 * threads that bind at once one makes them. Prints to `console`, a ring that echoes to console.error unless another is
 * given; so do the reports of a `DebugHeap` or a `SampledHeap` below, where that was given no function for them. Throws
 * as `Heap.create` and `Heap.attach` do, BAD_ARGUMENT for options that cannot be, and {@link OutOfMemoryError} when
 * there are no pages for the virtual memory.
 */
export function linux(
  memory: Heap | MemorySource,
  console: KernelConsole = defaultConsole(),
  options: LinuxOptions = {},
): Linux {
  const { waitMs = DEFAULT_WAIT_MS } = readOptions("options", options, LINUX_CHECKS);
  requireConsole(console);
  const heap = heapIn(memory);
  const kernel = openKernel(heap, console, waitMs);
  const kmallocs = kmallocCalls(kernel, new DmaCaches(kernel));
  const pages = pageCalls(kernel);
  const caches = cacheCalls(kernel, kmallocs.kfree);
  const calls = {
    ...kmallocs,
    ...pages,
    ...vmallocCalls(kernel, { ...kmallocs, ...pages }),
    ...caches,
    ...mempoolCalls(kernel, { ...kmallocs, ...caches }),
    heap,
    check: () => check(kernel, heap),
  };
  return reportingTo(layersOf(heap), kernel.print, calls);
}

function openKernel(heap: Heap, console: KernelConsole, waitMs: number): Kernel {
  const { layers, kmalloc, waits } = attachmentOf(heap);
  const { memory, geometry, pages, caches } = layers;
  const anchor = openAnchor(layers);
  if (anchor === undefined) {
    throw new OutOfMemoryError({
      askedBytes: PAGE_SIZE,
      freeBytes: pages.freeBytes,
      largestFreeRunBytes: pages.largestFreeRunBytes(),
    });
  }
  const { word: anchorWord, vm } = anchor;
  const print = (message: string): void => console.print(message);
  return { layers, memory, geometry, pages, caches, heap, kmalloc, waits, vm, anchorWord, waitMs, print };
}

function check({ vm }: Kernel, heap: Heap): LinuxReport {
  const findings: LinuxFinding[] = [...checkHeap(heap).findings];
  vm.check((address, problem) => findings.push({ layer: "vmalloc", address, problem }));
  return { isClean: findings.length === 0, findings };
}
