import { __GFP_HIGHMEM, __GFP_NOFAIL, __GFP_NORETRY, __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL } from "../../gfp/flags.ts";
import { describeValue } from "../../memory/arguments.ts";
import { KmemError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, PAGE_SHIFT, PAGE_SIZE } from "../../memory/layout.ts";
import { FrameKind } from "../../pages/layout.ts";
import { AreaRequest } from "../../vmalloc/area-request.ts";
import { vfreeMessage } from "../../vmalloc/result.ts";
import type { Vmalloc } from "../../vmalloc/vmalloc.ts";
import { takeArea } from "./allocate.ts";
import { areFlags, mayWait, wantsDma, wantsZeros, warn } from "./gfp.ts";
import { isSize, type Kernel, listOf, NULL, refresh } from "./kernel.ts";
import type { KmallocCalls } from "./kmalloc.ts";
import { KMALLOC_MAX_BYTES } from "./layout.ts";
import type { PageCalls } from "./pages.ts";

/** Memory that is contiguous in virtual addresses alone: those are read and written through {@link vm}. */
export interface VmallocCalls {
  /**
   * Allocates an area of any size, as long as there are pages, and returns its virtual address, a multiple of the page
   * size above 2^32. May wait, as GFP_KERNEL. NULL and a message for size 0 and when pages or addresses run out.
   * O(pages + log areas).
   */
  vmalloc(size: number): number;
  /** As {@link vmalloc}, all zero. O(bytes). */
  vzalloc(size: number): number;
  /** Frees the area that starts at `addr`; NULL does nothing. Refuses all else with a message. O(pages + log areas). */
  vfree(addr: number): void;
  /** Maps pages, by their struct pages and in this order, as one area; NULL and a message where it cannot. */
  vmap(pages: readonly number[]): number;
  /** Takes an area of vmap back; its pages stay. */
  vunmap(addr: number): void;
  /** Whether an address lies in the range of virtual addresses, mapped or not. O(1). */
  is_vmalloc_addr(addr: number): boolean;
  /** The struct page that a virtual address is mapped to, NULL where it is not. O(1). */
  vmalloc_to_page(addr: number): number;
  /** From kmalloc, or for more than a page, and for callers who may wait, from vmalloc where kmalloc has nothing. */
  kvmalloc(size: number, flags: number): number;
  /** Frees what {@link kvmalloc} gave, by vfree or kfree. NULL does nothing. */
  kvfree(addr: number): void;
  /** Reads and writes virtual addresses, and lists the areas. */
  readonly vm: Vmalloc;
}

/** The calls that vmalloc's stand on. */
type Below = Pick<KmallocCalls, "kmalloc" | "kfree"> & Pick<PageCalls, "page_address" | "virt_to_page">;

/** What vmalloc itself asks for. */
const VMALLOC_MASK: number = GFP_KERNEL | __GFP_HIGHMEM;

export function vmallocCalls(kernel: Kernel, below: Below): VmallocCalls {
  const { vm, print } = kernel;
  const [forVmalloc, forVzalloc, forVmap] = ["vmalloc", "vzalloc", "vmap"].map((caller) => AreaRequest.of({ caller }));
  const take = (caller: string, size: number, gfp: number, call: () => number): number => {
    refresh(kernel);
    const address = call() || (isHopeless(vm, size) ? NULL : takeArea(kernel, gfp, pagesOf(size), call));
    if (address === NULL) warn(kernel, gfp, `${caller} error: size ${describeValue(size)}, ${problemOf(vm, size)}`);
    return address;
  };
  const allocate = (request: AreaRequest, size: number, gfp: number): number =>
    take(request.caller, size, gfp, () => (wantsZeros(gfp) ? vm.vzalloc(size, request) : vm.vmalloc(size, request)));
  const release = (call: "vfree" | "vunmap", addr: number): void => {
    refresh(kernel);
    const message = vfreeMessage(vm[call](addr), call, addr);
    if (message !== undefined) print(message);
  };
  const vfree = (addr: number): void => release("vfree", addr);
  const kvmalloc = (size: number, flags: number): number => {
    if (!isSize(kernel, "kvmalloc", size) || !areFlags(kernel, "kvmalloc", flags)) return NULL;
    // A block of more than a page may lie scattered; a smaller one gains nothing from it.
    if (size <= PAGE_SIZE || !mayWait(flags)) return below.kmalloc(size, flags);
    const briefly = (flags & ~__GFP_NOFAIL) | __GFP_NORETRY | __GFP_NOWARN;
    const block = size <= KMALLOC_MAX_BYTES ? below.kmalloc(size, briefly) : NULL;
    return block || allocate(AreaRequest.of({ caller: "kvmalloc", dma: wantsDma(kernel, flags) }), size, flags);
  };
  return {
    vm,
    vmalloc: (size) => allocate(forVmalloc, size, VMALLOC_MASK),
    vfree,
    vzalloc: (size) => allocate(forVzalloc, size, VMALLOC_MASK | __GFP_ZERO),
    vmap: (pages) => {
      refresh(kernel);
      const list = listOf(kernel, "vmap", pages, ADDRESS_SPACE_BYTES / PAGE_SIZE);
      if (list === undefined) return NULL;
      const addresses = list.map((page) => below.page_address(page));
      const bad = addresses.findIndex((address) => !isInUse(kernel, address));
      if (bad >= 0) {
        print(`vmap: page ${bad} of ${list.length} is not in use`);
        return NULL;
      }
      return take("vmap", list.length * PAGE_SIZE, GFP_KERNEL, () => orNotInUse(() => vm.vmap(addresses, forVmap)));
    },
    vunmap: (addr) => release("vunmap", addr),
    is_vmalloc_addr: (addr) => vm.isVmallocAddress(addr),
    vmalloc_to_page: (addr) => {
      const address = vm.vmallocToPage(addr);
      return address === NULL ? NULL : below.virt_to_page(address);
    },
    kvmalloc,
    kvfree: (addr) => (vm.isVmallocAddress(addr) ? vfree(addr) : below.kfree(addr)),
  };
}

function pagesOf(size: number): number {
  return Math.ceil(size / PAGE_SIZE);
}

/** Whether neither reclaiming nor waiting would ever help. */
function isHopeless(vm: Vmalloc, size: number): boolean {
  const problem = vm.reasonUnavailable(size);
  return problem === "bad size" || problem === "exceeds total pages";
}

function problemOf(vm: Vmalloc, size: number): string {
  const problem = vm.reasonUnavailable(size);
  if (problem === "bad size") return "not a size";
  if (problem === "exceeds total pages") return "exceeds total pages";
  return problem === "no addresses" ? "vm_struct allocation failed" : "failed to allocate pages";
}

function isInUse({ pages }: Kernel, address: number): boolean {
  return address !== NULL && pages.frames.kind(address >>> PAGE_SHIFT) >= FrameKind.FIRST_RUN;
}

/** What vmap returns, NULL where another thread has just freed one of the pages. */
function orNotInUse(map: () => number): number {
  try {
    return map();
  } catch (error) {
    if (error instanceof KmemError && error.code === "INVALID_ADDRESS") return NULL;
    throw error;
  }
}
