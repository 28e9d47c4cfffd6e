import { asciiBytes, NONE, startsWith } from "./line-scan.ts";

/** The kernel events that a replay is made of, by code. */
export const KERNEL_EVENT = {
  KMALLOC: 0,
  KMALLOC_NODE: 1,
  KFREE: 2,
  CACHE_ALLOC: 3,
  CACHE_ALLOC_NODE: 4,
  CACHE_FREE: 5,
  PAGE_ALLOC: 6,
  PAGE_FREE: 7,
  PAGE_FREE_BATCHED: 8,
  PAGE_FREE_DIRECT: 9,
  PAGEVEC_FREE: 10,
} as const;

/** What the kernel calls the events, by code. */
export const KERNEL_EVENT_NAMES: readonly string[] = [
  "kmalloc",
  "kmalloc_node",
  "kfree",
  "kmem_cache_alloc",
  "kmem_cache_alloc_node",
  "kmem_cache_free",
  "mm_page_alloc",
  "mm_page_free",
  "mm_page_free_batched",
  // Linux 2.6.32 to 3.2: each page is freed by one of the two. Later the first became mm_page_free, and the second
  // mm_page_free_batched, which only adds that a page freed by mm_page_free was one of a batch.
  "mm_page_free_direct",
  "mm_pagevec_free",
];

const NAME_BYTES: readonly Uint8Array[] = KERNEL_EVENT_NAMES.map(asciiBytes);

/** Codes of the events whose names have this many characters. */
const CODES_BY_LENGTH: readonly (readonly number[])[] = codesByLength();

function codesByLength(): number[][] {
  const longest = Math.max(...KERNEL_EVENT_NAMES.map((name) => name.length));
  return Array.from({ length: longest + 1 }, (_, length) =>
    [...KERNEL_EVENT_NAMES.keys()].filter((code) => KERNEL_EVENT_NAMES[code]!.length === length),
  );
}

/** The code of the event with this name, or NONE when it is not one of ours. */
export function kernelEventCode(bytes: Uint8Array, start: number, end: number): number {
  const codes = CODES_BY_LENGTH[end - start];
  if (codes === undefined) return NONE;
  for (const code of codes) {
    if (startsWith(bytes, start, end, NAME_BYTES[code]!)) return code;
  }
  return NONE;
}

/**
 * Takes the events of a kernel trace in their order. Addresses come as two 32-bit halves; names are ids of the
 * reader's name table, NO_NAME where the trace has none.
 */
export interface KernelEventSink {
  kmalloc(addressHigh: number, addressLow: number, requestedBytes: number, allocatedBytes: number): void;
  kfree(addressHigh: number, addressLow: number): void;
  cacheAlloc(
    addressHigh: number,
    addressLow: number,
    nameId: number,
    requestedBytes: number,
    allocatedBytes: number,
  ): void;
  cacheFree(addressHigh: number, addressLow: number, nameId: number): void;
  /** `pageFrame` is 0 for an allocation that failed. */
  pageAlloc(pageFrame: number, order: number): void;
  pageFree(pageFrame: number, order: number): void;
}
