import { PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import { vfreeMessage } from "../vmalloc/result.ts";
import type { AreaOptions, Vmalloc } from "../vmalloc/vmalloc.ts";
import { GFP_KERNEL } from "./flags.ts";
import { type Kernel, NULL, orReclaim } from "./kernel.ts";
import type { KmallocCalls } from "./kmalloc.ts";
import { KMALLOC_MAX_BYTES } from "./layout.ts";
import type { PageCalls } from "./pages.ts";

/** Memory that is contiguous in virtual addresses alone: those are read and written through {@link vm}. */
export interface VmallocCalls {
  /**
   * Allocates an area of any size, as long as there are pages, and returns its virtual address, a multiple of the page
   * size above 2^32. NULL and a message for size 0 and when pages or addresses run out. O(pages + log areas).
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
  is_vmalloc_addr(addr: number): boolean;
  /** The struct page that a virtual address is mapped to, NULL where it is not. O(1). */
  vmalloc_to_page(addr: number): number;
  /** From kmalloc, or from vmalloc where kmalloc has nothing so large. */
  kvmalloc(size: number, flags: number): number;
  kvfree(addr: number): void;
  /** Reads and writes virtual addresses, and lists the areas. */
  readonly vm: Vmalloc;
}

/** The calls that vmalloc's stand on. */
type Below = Pick<KmallocCalls, "kmalloc" | "kfree"> & Pick<PageCalls, "page_address" | "virt_to_page">;

export function vmallocCalls(kernel: Kernel, below: Below): VmallocCalls {
  const { vm, print } = kernel;
  const allocate = (caller: string, size: number, call: (options: AreaOptions) => number): number => {
    const address = orReclaim(kernel, GFP_KERNEL, () => call({ caller }));
    if (address === NULL) print(`${caller} error: size ${size}, ${problemOf(vm, size)}`);
    return address;
  };
  const vmalloc = (size: number): number => allocate("vmalloc", size, (options) => vm.vmalloc(size, options));
  const release = (call: "vfree" | "vunmap", addr: number): void => {
    const message = vfreeMessage(vm[call](addr), call, addr);
    if (message !== undefined) print(message);
  };
  const vfree = (addr: number): void => release("vfree", addr);
  return {
    vm,
    vmalloc,
    vfree,
    vzalloc: (size) => allocate("vzalloc", size, (options) => vm.vzalloc(size, options)),
    vmap: (pages) => {
      const addresses = pages.map((page) => below.page_address(page));
      const bad = addresses.findIndex((address) => !isInUse(kernel, address));
      if (bad >= 0) {
        print(`vmap: page ${bad} of ${pages.length} is not in use`);
        return NULL;
      }
      return allocate("vmap", pages.length * PAGE_SIZE, (options) => vm.vmap(addresses, options));
    },
    vunmap: (addr) => release("vunmap", addr),
    is_vmalloc_addr: (addr) => vm.isVmallocAddress(addr),
    vmalloc_to_page: (addr) => {
      const address = vm.vmallocToPage(addr);
      return address === NULL ? NULL : below.virt_to_page(address);
    },
    kvmalloc: (size, flags) => (size <= KMALLOC_MAX_BYTES ? below.kmalloc(size, flags) || larger(size) : vmalloc(size)),
    kvfree: (addr) => (vm.isVmallocAddress(addr) ? vfree(addr) : below.kfree(addr)),
  };

  /** A block of more than a page may lie scattered; a smaller one gains nothing from it. */
  function larger(size: number): number {
    return size > PAGE_SIZE ? vmalloc(size) : NULL;
  }
}

function problemOf(vm: Vmalloc, size: number): string {
  const problem = vm.whyNot(size);
  if (problem === "bad size") return "not a size";
  if (problem === "exceeds total pages") return "exceeds total pages";
  return problem === "no addresses" ? "vm_struct allocation failed" : "failed to allocate pages";
}

function isInUse({ memory, pages }: Kernel, address: number): boolean {
  memory.refresh();
  return address !== NULL && pages.frames.kind(address >>> PAGE_SHIFT) >= FrameKind.FIRST_RUN;
}
