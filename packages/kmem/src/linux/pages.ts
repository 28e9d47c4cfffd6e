import { clear } from "../memory/clear.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FRAME_RECORD_BYTES, NO_FRAME, RunKind } from "../pages/layout.ts";
import { areFlags, isSize, type Kernel, NULL, orReclaim, pageRequest, pointer } from "./kernel.ts";
import { MAX_ORDER } from "./layout.ts";

/** Whole pages. Pages come aligned to the size of their block. */
export interface PageCalls {
  /**
   * Allocates 2^order whole pages (order 0 to 9), as `gfp_mask` says, and returns the address of the first. NULL and a
   * message when there is no such block. Contents are whatever was there. O(orders) as a rule.
   */
  __get_free_pages(gfp_mask: number, order: number): number;
  __get_free_page(gfp_mask: number): number;
  /** A page of zeros. */
  get_zeroed_page(gfp_mask: number): number;
  /** As {@link __get_free_pages}, but returns the struct page of the first. */
  alloc_pages(gfp_mask: number, order: number): number;
  /** Frees 2^order pages from a struct page on; NULL does nothing. Refuses what is not allocated. O(pages). */
  __free_pages(page: number, order: number): void;
  /** Frees 2^order pages from an address on; 0 does nothing. Refuses what is not allocated. O(pages). */
  free_pages(addr: number, order: number): void;
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
  const take = (caller: string, gfp: number, order: number): number => {
    if (!areFlags(kernel, caller, gfp)) return NULL;
    const isOrder = Number.isInteger(order) && order >= 0 && order < MAX_ORDER;
    const address = isOrder ? takePages(kernel, 2 ** order, gfp, 2 ** order) : NULL;
    if (address === NULL) kernel.print(`__alloc_pages: ${order}-order allocation failed.`);
    return address;
  };
  const give = (caller: string, addr: number, order: number): void => {
    if (Number.isInteger(order) && order >= 0 && order < MAX_ORDER) givePages(kernel, caller, addr, 2 ** order);
    else kernel.print(`${caller}: ${pointer(addr)} cannot be freed: ${order} is no order`);
  };
  const virt_to_page = (addr: number): number => {
    const frame = Math.floor(addr / PAGE_SIZE);
    if (!(frame >= geometry.baseFrame && frame < geometry.limitFrame)) return NULL;
    return geometry.frameTable + (frame - geometry.baseFrame) * FRAME_RECORD_BYTES;
  };
  const page_address = (page: number): number => {
    const index = (page - geometry.frameTable) / FRAME_RECORD_BYTES;
    const isPage = Number.isInteger(index) && index >= 0 && index < geometry.limitFrame - geometry.baseFrame;
    return isPage ? (geometry.baseFrame + index) * PAGE_SIZE : NULL;
  };
  const zeroed = (address: number): number => {
    if (address !== NULL) clear(memory, geometry, address, PAGE_SIZE);
    return address;
  };
  return {
    __get_free_pages: (gfp_mask, order) => take("__get_free_pages", gfp_mask, order),
    __get_free_page: (gfp_mask) => take("__get_free_page", gfp_mask, 0),
    get_zeroed_page: (gfp_mask) => zeroed(take("get_zeroed_page", gfp_mask, 0)),
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
      return takePages(kernel, Math.ceil(size / PAGE_SIZE), gfp_mask, 1);
    },
    free_pages_exact: (addr, size) => {
      if (addr === NULL || !isSize(kernel, "free_pages_exact", size)) return;
      givePages(kernel, "free_pages_exact", addr, Math.ceil(size / PAGE_SIZE));
    },
    virt_to_page,
    page_address,
  };
}

/** Address of the first of `count` neighbouring pages, or NULL. */
function takePages(kernel: Kernel, count: number, gfp: number, alignFrames: number): number {
  const request = { ...pageRequest(kernel, gfp), alignFrames };
  return orReclaim(kernel, gfp, () => {
    const frame = kernel.pages.allocate(count, RunKind.PAGES, request);
    return frame === NO_FRAME ? NULL : frame * PAGE_SIZE;
  });
}

/** Frees pages that are allocated; prints why where they are not. */
function givePages({ memory, pages, print }: Kernel, caller: string, address: number, count: number): void {
  memory.refresh();
  const isPage = address >>> 0 === address && address % PAGE_SIZE === 0;
  const frame = address >>> PAGE_SHIFT;
  const problem = isPage ? pages.whyNotFree(frame, count, RunKind.PAGES) : "it is no address of a page";
  if (problem === undefined) pages.free(frame, count, RunKind.PAGES);
  else print(`${caller}: ${pointer(address)} cannot be freed: ${problem}`);
}
