/**
 * kmem: a kernel's memory manager in one SharedArrayBuffer, ArrayBuffer or WebAssembly.Memory.
 *
 * @module
 */
export { Cache, type CacheOptions } from "./cache.ts";
export { Heap, type HeapOptions, type ViewType } from "./heap.ts";
export type { CheckReport } from "./kmalloc/check.ts";
export type { AddressInfo, BlockInfo } from "./kmalloc/describe.ts";
export type { ByteStats, CacheStats, HeapStats } from "./kmalloc/stats.ts";
export { KmemError, type KmemErrorCode, OutOfMemoryError } from "./memory/errors.ts";
export type { Finding } from "./memory/finding.ts";
export { GRANULE, LAYOUT_VERSION, PAGE_SIZE } from "./memory/layout.ts";
export type { MemoryKind, MemorySource } from "./memory/memory.ts";
export type { MemoryOptions } from "./memory/new-memory.ts";
export type { ZoneStats } from "./pages/zone.ts";
export { type PageOptions, Pages } from "./pages-face.ts";
export { MAX_CLASS_BYTES } from "./slab/size-classes.ts";
export type { BlockFunctions } from "./slab/slab.ts";
