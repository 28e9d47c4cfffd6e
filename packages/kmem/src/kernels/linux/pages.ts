import { __GFP_ZERO } from "../../gfp/flags.ts";
import { describeValue, isUint32 } from "../../memory/arguments.ts";
import { clear } from "../../memory/clear.ts";
import { KmemError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SHIFT, PAGE_SIZE } from "../../memory/layout.ts";
import { structPage } from "../../pages/frames.ts";
import { FRAME_RECORD_BYTES, RunKind } from "../../pages/layout.ts";
import { takePages } from "./allocate.ts";
import { areFlags, wantsZeros, warn } from "./gfp.ts";
import { isSize, type Kernel, NULL, pointer, refresh } from "./kernel.ts";
import { MAX_ORDER } from "./layout.ts";

/** Whole pages. Pages come aligned to the size of their block. */
export interface PageCalls {
  /**
   * Allocates 2^order whole pages (order 0 to 9), as `gfp_mask` says, and returns the address of the first. NULL and a
   * message when there is no such block. Contents are whatever was there, or zero with __GFP_ZERO. O(orders) as a rule.
   */
  __get_free_pages(gfp_mask: number, order: number): number;
  /** As {@link __get_free_pages} of order 0: one page. */
  __get_free_page(gfp_mask: number): number;
  /** A page of zeros. */
  get_zeroed_page(gfp_mask: number): number;
  /** As {@link __get_free_pages}, but returns the struct page of the first. */
  alloc_pages(gfp_mask: number, order: number): number;
  /** Frees 2^order pages from a struct page on; NULL does nothing. Refuses what is not allocated. O(pages). */
  __free_pages(page: number, order: number): void;
  /** Frees 2^order pages from an address on; 0 does nothing. Refuses what is not allocated. O(pages). */
  free_pages(addr: number, order: number): void;
  /** As {@link free_pages} of order 0: one page. */
  free_page(addr: number): void;
  /** Neighbouring pages for `size` bytes, no more of them than it takes. NULL for size 0. */
  alloc_pages_exact(size: number, gfp_mask: number): number;
  /** Frees the pages of {@link alloc_pages_exact}. */
  free_pages_exact(addr: number, size: number): void;
  /** The struct page of an address: the record of its frame. NULL for what is no address of the heap. O(1). */
  virt_to_page(addr: number): number;
  /** The address of a struct page's page; NULL for what is none. O(1). */
  page_address(page: number): number;
}

export function pageCalls(kernel: Kernel): PageCalls {
  const { geometry, memory } = kernel;
  const take = (caller: string, gfp_mask: number, order: number, more = 0): number => {
    if (!areFlags(kernel, caller, gfp_mask)) return NULL;
    const gfp = gfp_mask | more;
    const isOrder = Number.isInteger(order) && order >= 0 && order < MAX_ORDER;
    const address = isOrder ? takePages(kernel, 2 ** order, gfp, 2 ** order * PAGE_SIZE) : NULL;
    if (address === NULL) warn(kernel, gfp, `__alloc_pages: ${describeValue(order)}-order allocation failed.`);
    else if (wantsZeros(gfp)) zero(address, 2 ** order);
    return address;
  };
  const zero = (address: number, pageCount: number): void => {
    memory.waitForLength(address + pageCount * PAGE_SIZE);
    clear(memory, geometry, address, pageCount * PAGE_SIZE);
  };
  const give = (caller: string, addr: number, order: number): void => {
    if (Number.isInteger(order) && order >= 0 && order < MAX_ORDER) givePages(kernel, caller, addr, 2 ** order);
    else kernel.print(`${caller}: ${pointer(addr)} cannot be freed: ${describeValue(order)} is no order`);
  };
  const virt_to_page = (addr: number): number => {
    const frame = isUint32(addr) ? Math.floor(addr / PAGE_SIZE) : Number.NaN;
    if (!(frame >= geometry.baseFrame && frame < geometry.limitFrame)) return NULL;
    return structPage(geometry, frame);
  };
  const page_address = (page: number): number => {
    const index = isUint32(page) ? (page - structPage(geometry, geometry.baseFrame)) / FRAME_RECORD_BYTES : Number.NaN;
    const isPage = Number.isInteger(index) && index >= 0 && index < geometry.limitFrame - geometry.baseFrame;
    return isPage ? (geometry.baseFrame + index) * PAGE_SIZE : NULL;
  };
  return {
    __get_free_pages: (gfp_mask, order) => take("__get_free_pages", gfp_mask, order),
    __get_free_page: (gfp_mask) => take("__get_free_page", gfp_mask, 0),
    get_zeroed_page: (gfp_mask) => take("get_zeroed_page", gfp_mask, 0, __GFP_ZERO),
    alloc_pages: (gfp_mask, order) => {
      const address = take("alloc_pages", gfp_mask, order);
      return address === NULL ? NULL : virt_to_page(address);
    },
    __free_pages: (page, order) => {
      if (page === NULL) return;
      const address = page_address(page);
      if (address !== NULL) give("__free_pages", address, order);
      else kernel.print(`__free_pages: ${pointer(page)} cannot be freed: it is no struct page`);
    },
    free_pages: (addr, order) => {
      if (addr !== NULL) give("free_pages", addr, order);
    },
    free_page: (addr) => {
      if (addr !== NULL) give("free_page", addr, 0);
    },
    alloc_pages_exact: (size, gfp_mask) => {
      if (!isSize(kernel, "alloc_pages_exact", size) || !areFlags(kernel, "alloc_pages_exact", gfp_mask)) return NULL;
      if (size === 0 || size >= ADDRESS_SPACE_BYTES) return NULL;
      const pageCount = Math.ceil(size / PAGE_SIZE);
      const address = takePages(kernel, pageCount, gfp_mask, PAGE_SIZE);
      if (address !== NULL && wantsZeros(gfp_mask)) zero(address, pageCount);
      return address;
    },
    free_pages_exact: (addr, size) => {
      if (addr === NULL || !isSize(kernel, "free_pages_exact", size)) return;
      givePages(kernel, "free_pages_exact", addr, Math.ceil(size / PAGE_SIZE));
    },
    virt_to_page,
    page_address,
  };
}

/** Frees pages that are allocated; prints why where they are not. */
function givePages(kernel: Kernel, caller: string, address: number, count: number): void {
  refresh(kernel);
  const problem = freePages(kernel, address, count);
  if (problem !== undefined) kernel.print(`${caller}: ${pointer(address)} cannot be freed: ${problem}`);
}

/** Frees pages, or says why they cannot be freed. */
function freePages({ pages }: Kernel, address: number, count: number): string | undefined {
  if (!isUint32(address) || address % PAGE_SIZE !== 0) return "it is no address of a page";
  const frame = address >>> PAGE_SHIFT;
  const problem = pages.reasonNotFreeable(frame, count, RunKind.PAGES);
  if (problem !== undefined) return problem;
  try {
    pages.free(frame, count, RunKind.PAGES);
    return undefined;
  } catch (error) {
    // Another thread frees the same pages in this very moment.
    if (error instanceof KmemError && error.code === "INVALID_FREE") return "is being freed";
    throw error;
  }
}
