import { defaultConsole, type KernelConsole } from "./console.ts";
import type { Heap } from "./heap.ts";
import { heapIn } from "./heap-in.ts";
import { DmaCaches } from "./linux/dma-caches.ts";
import { type Kernel, openVirtualMemory } from "./linux/kernel.ts";
import { type KmallocCalls, kmallocCalls } from "./linux/kmalloc.ts";
import { type CacheCalls, cacheCalls } from "./linux/kmem-cache.ts";
import { type MempoolCalls, mempoolCalls } from "./linux/mempool.ts";
import { type PageCalls, pageCalls } from "./linux/pages.ts";
import { type VmallocCalls, vmallocCalls } from "./linux/virtual.ts";
import { OutOfMemoryError } from "./memory/errors.ts";
import type { Finding } from "./memory/finding.ts";
import { readHeader } from "./memory/header.ts";
import { PAGE_SIZE } from "./memory/layout.ts";
import { LinearMemory, type MemorySource } from "./memory/memory.ts";
import { PageAllocator } from "./pages/page-allocator.ts";
import { CacheTable } from "./slab/cache-table.ts";

export { type KernelConsole, LogRing } from "./console.ts";
export * from "./linux/flags.ts";
export { type KmallocCalls, ZERO_SIZE_PTR } from "./linux/kmalloc.ts";
export type { CacheCalls, CacheFunction } from "./linux/kmem-cache.ts";
export { KMALLOC_MAX_BYTES, L1_CACHE_BYTES } from "./linux/layout.ts";
export type { MempoolAlloc, MempoolCalls, MempoolFree } from "./linux/mempool.ts";
export type { PageCalls } from "./linux/pages.ts";
export type { VmallocCalls } from "./linux/virtual.ts";
export { PAGE_SIZE } from "./memory/layout.ts";

/** A broken invariant of the heap or of the virtual memory. */
export interface LinuxFinding extends Omit<Finding, "layer"> {
  readonly layer: Finding["layer"] | "vmalloc";
}

/** What a check of the kernel found. */
export interface LinuxReport {
  readonly isClean: boolean;
  readonly findings: readonly LinuxFinding[];
}

/**
 * The memory functions of an old Linux. Pointers are byte offsets in the heap's buffer, or virtual addresses above
 * them; NULL is 0. Nothing throws where Linux returns NULL: what is refused prints its reason and changes no byte.
 * One thread at a time.
 */
export interface Linux extends KmallocCalls, PageCalls, VmallocCalls, CacheCalls, MempoolCalls {
  /** The heap that all memory comes from. */
  readonly heap: Heap;
  /** Verifies every invariant of the heap and of the virtual memory; reads only. O(heap). */
  check(): LinuxReport;
}

/**
 * Binds the functions of the Linux pages to a memory: a {@link Heap}, or a buffer that holds one at its beginning or
 * gets one now. A page of the heap's own leads to the virtual memory; a second binding finds it, and the caches. Prints
 * to `console`, a ring that echoes to console.error unless another is given. Throws as `Heap.create` and `Heap.attach`
 * do, and {@link OutOfMemoryError} when there are no pages for the virtual memory.
 */
export function linux(memory: Heap | MemorySource, console: KernelConsole = defaultConsole()): Linux {
  const heap = heapIn(memory);
  const kernel = openKernel(heap, console);
  const kmallocs = kmallocCalls(kernel, new DmaCaches(kernel));
  const pages = pageCalls(kernel);
  const caches = cacheCalls(kernel, kmallocs.kfree);
  return {
    ...kmallocs,
    ...pages,
    ...vmallocCalls(kernel, { ...kmallocs, ...pages }),
    ...caches,
    ...mempoolCalls(kernel, { ...kmallocs, ...caches }),
    heap,
    check: () => check(kernel, heap),
  };
}

function openKernel(heap: Heap, console: KernelConsole): Kernel {
  const memory = new LinearMemory(heap.source);
  const geometry = readHeader(memory, heap.stats().startAddress);
  const pages = PageAllocator.attach(memory, geometry);
  const vm = openVirtualMemory({ memory, geometry, pages });
  if (vm === undefined) {
    throw new OutOfMemoryError({
      askedBytes: PAGE_SIZE,
      freeBytes: pages.freeBytes,
      largestFreeRunBytes: pages.largestFreeRunBytes(),
    });
  }
  const caches = new CacheTable(memory, geometry);
  return { memory, geometry, pages, caches, heap, vm, print: (message) => console.print(message) };
}

function check({ vm }: Kernel, heap: Heap): LinuxReport {
  const findings: LinuxFinding[] = [...heap.check().findings];
  vm.check((address, problem) => findings.push({ layer: "vmalloc", address, problem }));
  return { isClean: findings.length === 0, findings };
}
