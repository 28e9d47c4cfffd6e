/**
 * The calls of Linux's memory manager, by their names: `kmalloc` and its family, pages, slab caches, mempools and
 * `vmalloc`. It begins with {@link linux}.
 *
 * @module kmem/linux
 */
export type { Report } from "../../memory/finding.ts";
export type { AreaOptions } from "../../vmalloc/area-request.ts";
export type { VfreeResult, VmallocProblem } from "../../vmalloc/result.ts";
export type { VirtualMemory } from "../../vmalloc/virtual-memory.ts";
export type { Vmalloc, VmallocStats } from "../../vmalloc/vmalloc.ts";
export * from "./linux.ts";
