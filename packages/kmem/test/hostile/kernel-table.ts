import {
  amount,
  anyBigInt,
  anyNumber,
  anything,
  callable,
  cFunction,
  count,
  type Kind,
  listOf,
  nothingElse,
  optional,
  optionsOf,
  someCount,
  text,
  truth,
  uint32,
  within,
} from "./kinds.ts";
import { answers, arg, named, of, type Row, row } from "./rows.ts";
import { gietConfig } from "./worlds.ts";

const NOTHING: readonly unknown[] = [undefined];
const NULL: readonly unknown[] = [0];
/** What names a thing in a kernel: it says itself what it thinks of every number. */
const pointer: Kind = anyNumber;

/** Rows of `kmem/linux`: nothing throws there. */
export function linuxRows(GFP_KERNEL: number): Record<string, Row> {
  const gfp = arg(uint32, GFP_KERNEL);
  const size = arg(count, 64);
  const block = of(pointer, "block");
  const order = arg(within(0, 9), 1);
  const cachep = of(pointer, "cachep");
  const object = of(pointer, "object");
  const pages = of(pointer, "pages");
  const pool = of(pointer, "pool");
  const noFunction = arg(cFunction, null);
  const takes = arg(callable, () => 0);
  const gives = arg(callable, () => {});
  const rows = {
    kmalloc: answers(NULL, size, gfp),
    kfree: answers(NOTHING, block),
    ksize: answers(NULL, block),
    kzalloc: answers(NULL, size, gfp),
    kmalloc_array: answers(NULL, arg(count, 2), size, gfp),
    kcalloc: answers(NULL, arg(count, 2), size, gfp),
    krealloc: answers(NULL, block, size, gfp),
    krealloc_array: answers(NULL, block, arg(count, 2), size, gfp),
    kstrdup: answers(NULL, block, gfp),
    kmemdup: answers(NULL, block, size, gfp),
    __get_free_pages: answers(NULL, gfp, order),
    __get_free_page: answers(NULL, gfp),
    get_zeroed_page: answers(NULL, gfp),
    alloc_pages: answers(NULL, gfp, order),
    __free_pages: answers(NOTHING, of(pointer, "page"), order),
    free_pages: answers(NOTHING, pages, order),
    free_page: answers(NOTHING, pages),
    alloc_pages_exact: answers(NULL, size, gfp),
    free_pages_exact: answers(NOTHING, pages, arg(count, 8192)),
    virt_to_page: answers(NULL, pages),
    page_address: answers(NULL, of(pointer, "page")),
    vmalloc: answers(NULL, size),
    vfree: answers(NOTHING, of(pointer, "area")),
    vzalloc: answers(NULL, size),
    vmap: answers(NULL, arg(listOf(pointer), [])),
    vunmap: answers(NOTHING, of(pointer, "map")),
    is_vmalloc_addr: answers([false], of(pointer, "area")),
    vmalloc_to_page: answers(NULL, of(pointer, "area")),
    kvmalloc: answers(NULL, size, gfp),
    kvfree: answers(NOTHING, of(pointer, "area")),
    kmem_cache_create: answers(NULL, arg(text, "dentry"), size, arg(count, 0), arg(uint32, 0), noFunction, noFunction),
    kmem_cache_open: answers(NULL, arg(text, "inode"), noFunction, noFunction),
    kmem_cache_destroy: answers([1], cachep),
    kmem_cache_alloc: answers(NULL, cachep, gfp),
    kmem_cache_free: answers(NOTHING, cachep, object),
    __kmem_cache_free: answers(NOTHING, cachep, object),
    kmem_cache_shrink: answers([2], cachep),
    kmem_cache_reap: answers(NULL, gfp),
    kmem_cache_size: answers(NULL, cachep),
    kmem_cache_alloc_bulk: answers(NULL, cachep, gfp, arg(count, 2), arg(listOf(anything), [])),
    kmem_cache_free_bulk: answers(NOTHING, cachep, arg(count, 1), arg(listOf(pointer), [])),
    mempool_create: answers(NULL, arg(someCount, 2), takes, gives, arg(anyNumber, 0)),
    mempool_create_slab_pool: answers(NULL, arg(someCount, 2), cachep),
    mempool_create_kmalloc_pool: answers(NULL, arg(someCount, 2), arg(anyNumber, 64)),
    mempool_open: answers(NULL, of(pointer, "functionPool"), takes, gives),
    mempool_alloc: answers(NULL, pool, gfp),
    mempool_free: answers(NOTHING, of(anyNumber, "element"), pool),
    mempool_destroy: answers(NOTHING, pool),
    check: answers([]),
  };
  const isMemory: Kind = { name: "a memory", accepts: () => false };
  const waits = arg(optional(optionsOf({ waitMs: amount })), undefined);
  return {
    ...named("linux", rows),
    "kmem/linux linux": row(of(isMemory, "heap"), arg(optional(nothingElse), { print: () => {} }), waits),
  };
}

/** Rows of the virtual memory that `kmem/linux` has. */
export function vmRows(): Record<string, Row> {
  const area = arg(optional(optionsOf({ caller: text, alignmentBytes: someCount, reserve: truth, dma: truth })), {});
  const address = of(pointer, "area");
  const length = arg(count, 16);
  const reads = ["U8", "I8", "U16", "I16", "U32", "I32", "F32", "F64", "U64", "I64"];
  const value = (type: string): ReturnType<typeof arg> =>
    type.endsWith("64") && type !== "F64" ? arg(anyBigInt, 1n) : arg(anyNumber, 1);
  const results = ["bad address", "nonexistent", "wrong kind"];
  return named("vm", {
    ...Object.fromEntries(reads.map((type) => [`read${type}`, row(address)])),
    ...Object.fromEntries(reads.map((type) => [`write${type}`, row(address, value(type))])),
    vmalloc: { ...row(arg(anything, 10_000), area) },
    vzalloc: { ...row(arg(anything, 10_000), area) },
    reasonUnavailable: answers(["bad size", "exceeds total pages"], arg(within(1, 2 ** 32 - 1), 64)),
    vfree: answers(results, address),
    vmap: row(arg(listOf(pointer), []), area),
    vunmap: answers(results, of(pointer, "map")),
    isVmallocAddress: answers([false], address),
    findArea: answers(NOTHING, address),
    areas: row(),
    stats: row(),
    check: row(arg(callable, () => {})),
    destroy: row(),
    readBytes: row(address, length),
    writeBytes: row(address, arg({ name: "bytes", accepts: (v) => v instanceof Uint8Array }, new Uint8Array(4))),
    copyIn: row(address, of(uint32, "block"), length),
    copyOut: row(address, of(uint32, "block"), length),
    fill: row(address, length, arg(anyNumber, 7)),
    segments: row(address, length),
    vmallocToPage: answers(NULL, address),
  });
}

/** Rows of `kmem/atomik`: nothing throws there. */
export function atomikRows(): Record<string, Row> {
  const region = of(uint32, "region");
  const rows = {
    kmalloc_init: answers(NULL, arg(uint32, 70_000), arg(uint32, 80_000)),
    kmalloc: answers(NULL, arg(uint32, 64), region),
    kmalloc_fast: answers(NULL, arg(uint32, 64), region),
    kfree: answers(NOTHING, of(uint32, "chunk"), region),
    kmalloc_chunk_debug: answers(NOTHING, region),
    mm_register_region: answers(NULL, arg(uint32, 300_000), arg(uint32, 400_000)),
    page_alloc: answers(NULL, arg(uint32, 2)),
    page_free: answers([-1], of(uint32, "pages"), arg(uint32, 3)),
    mm_region_debug: answers([-1], of(uint32, "range")),
    check: answers([]),
  };
  const options = arg(optional(optionsOf({ isGone: callable })), undefined);
  return {
    ...named("atomik", rows),
    "kmem/atomik atomik": row(of(nothingElse, "heap"), arg(optional(nothingElse), { print: () => {} }), options),
  };
}

/** Rows of `kmem/mykernel`: nothing throws there. */
export function mykernelRows(): Record<string, Row> {
  const size = arg(count, 64);
  const flags = arg(count, 0);
  const block = of(pointer, "block");
  const rows = {
    kmalloc: answers(NULL, size, flags),
    kcalloc: answers(NULL, arg(count, 2), size, flags),
    kfree: answers(NOTHING, block),
    krealloc: answers(NULL, block, size, flags),
    krealloc_array: answers(NULL, block, arg(count, 2), size, flags),
    kmalloc_dma: answers(NULL, size),
    kfree_dma: answers(NOTHING, of(pointer, "dma")),
    ksize: answers(NULL, block),
    stats: answers([]),
    check: answers([]),
    blocks: answers([]),
  };
  return {
    ...named("mykernel", rows),
    "kmem/mykernel mykernel": row(of(nothingElse, "heap"), arg(optional(nothingElse), { print: () => {} })),
  };
}

/** Rows of `kmem/giet`: it prints, and ends by a GietError, where the original ends. */
export function gietRows(): Record<string, Row> {
  const place = optionsOf({ x: within(0, 0), y: within(0, 0) });
  const config = optionsOf({
    clusters: nothingElse,
    kernel_data: uint32,
    processor: count,
    cluster: place,
    isGone: callable,
  });
  const rows = {
    _heap_init: row(),
    _remote_malloc: row(arg(anything, 64), arg(within(0, 0), 0), arg(within(0, 0), 0)),
    _malloc: row(arg(anything, 64)),
    _free: row(of(uint32, "block")),
    locate: answers(NOTHING, of(uint32, "block")),
    bytes: row(of(uint32, "block")),
    check: row(),
  };
  return {
    ...named("giet", rows),
    "kmem/giet giet": row(arg(config, gietConfig()), arg(optional(nothingElse), { print: () => {} })),
  };
}
