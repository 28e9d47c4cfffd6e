/**
 * kmem: a kernel's memory manager in one SharedArrayBuffer, ArrayBuffer or WebAssembly.Memory.
 *
 * @module kmem
 */
export { allocArray, freeArray } from "./heap/arrays.ts";
export type { BaseHeap } from "./heap/base-heap.ts";
export type { ViewType } from "./heap/block-view.ts";
export type { Cache, CacheOptions } from "./heap/cache.ts";
export { checkHeap } from "./heap/check.ts";
export { checkDump, type DumpInfo, type DumpRepair, describeDump, dumpHeap, repairDump } from "./heap/dumps.ts";
export type { HeapHandle } from "./heap/handle.ts";
export { Heap } from "./heap/heap.ts";
export { blockAt, blocksOf, heapStats, ownerOf, slotStats, transferBlock } from "./heap/inspect.ts";
export { loadDump } from "./heap/load-dump.ts";
export { LocalHeap, type LocalHeapOptions } from "./heap/local-heap.ts";
export type { AttachOptions, HeapOptions } from "./heap/options.ts";
export type { PageOptions, Pages, PageWaitOptions } from "./heap/pages.ts";
export { reapSlot, watchWorker } from "./heap/recovery.ts";
export { repairHeap } from "./heap/repair.ts";
export { allocString, readString } from "./heap/strings.ts";
export type { WatchedWorker, WatchOptions } from "./heap/watch.ts";
export type { CheckReport } from "./kmalloc/check.ts";
export type { AddressInfo, BlockInfo } from "./kmalloc/describe.ts";
export type { WaitOptions, WaitSignal } from "./kmalloc/memory-wait.ts";
export type { ReapOptions } from "./kmalloc/reap-options.ts";
export type { ReapReport } from "./kmalloc/reap-report.ts";
export type { Shrinker } from "./kmalloc/shrinkers.ts";
export type { MempoolInfo, SlotObjects, TraceRingInfo } from "./kmalloc/slot-objects.ts";
export type { SlotStats } from "./kmalloc/slot-stats.ts";
export type { ByteStats, CacheStats, HeapStats, StatsOptions } from "./kmalloc/stats.ts";
export type { Registration } from "./memory/dispose.ts";
export { dumpByteLength } from "./memory/dump.ts";
export {
  hasCode,
  KmemError,
  type KmemErrorCode,
  type KmemErrorDetails,
  OutOfMemoryError,
  type OutOfMemoryFigures,
} from "./memory/errors.ts";
export { countFindings, type Finding } from "./memory/finding.ts";
export { GRANULE, LAYOUT_VERSION, PAGE_SIZE } from "./memory/layout.ts";
export type { GrowthHooks, MemoryKind, MemorySource, WasmMemory } from "./memory/memory.ts";
export type { MemoryOptions } from "./memory/new-memory.ts";
export type { PageRun } from "./pages/ownership.ts";
export type { ZoneStats } from "./pages/zone.ts";
export type { RepairStep } from "./repair/log.ts";
export type { RepairedFinding, RepairReport } from "./repair/repair.ts";
export type { BlockFunctions } from "./slab/block-functions.ts";
export { MAX_CLASS_BYTES } from "./slab/size-classes.ts";
export type { Reservation } from "./sync/reservation.ts";
export type { VmArea } from "./vmalloc/areas.ts";
