// Each sentence of document 003, "Przykład 4: Alokacja pamięci"; the names of the tests begin with what they show.
import { beforeEach, describe, expect, it } from "vitest";
import { blockAt, dumpHeap, loadDump } from "../../../src/index.ts";
import * as face from "../../../src/kernels/linux/linux.ts";
import { GFP_ATOMIC, GFP_DMA, GFP_KERNEL, linux, SLAB_KERNEL } from "../../../src/kernels/linux/linux.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";
import { Peek } from "../../support/peek.ts";
import { MIB, PAGE, TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

describe("Dynamiczny przydział pamięci dla jądra", () => {
  it("Przykład 4: Alokacja pamięci: the functions bind to one memory, which holds all of their state", () => {
    const { kmalloc, vmalloc } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    const area = vmalloc(5000);
    kernel.calls.vm.writeU32(area, 77);
    const cachep = kernel.cache("objects", 100);
    const again = linux(loadDump(dumpHeap(kernel.heap)), kernel.log);
    expect(again.vm.readU32(area)).toBe(77);
    again.vfree(area);
    again.kfree(obj);
    expect(again.kmem_cache_open("objects")).toBe(cachep);
    expect(again.kmem_cache_destroy(cachep)).toBe(0);
    expect(kernel.printed()).toEqual([]);
    expect(again.check().findings).toEqual([]);
  });

  it("Jądro może przydzielać dynamicznie pamięć na własny użytek: blocks of many sizes keep their contents", () => {
    const { kmalloc, kfree, ksize } = kernel.calls;
    const sizes = [1, 31, 32, 33, 100, 1000, 4096, 5000, 40_000, 131_048];
    const blocks = sizes.map((size) => kmalloc(size, GFP_KERNEL));
    for (const [seed, block] of blocks.entries()) fillPattern(kernel.bytes, block, block + ksize(block), seed);
    for (const [seed, block] of blocks.entries()) {
      expect(patternFault(kernel.bytes, block, block + ksize(block), seed)).toBe(-1);
      expect(ksize(block)).toBeGreaterThanOrEqual(sizes[seed] as number);
      kfree(block);
    }
    kernel.expectClean();
  });

  it("void *kmalloc(unsigned int size, int priority): an address, aligned to a line, or NULL", () => {
    const { kmalloc } = kernel.calls;
    for (const size of [1, 20, 33, 100, 300, 5000, 100_000]) expect(kmalloc(size, GFP_KERNEL) % 32).toBe(0);
    kernel.takeAllPages();
    expect(kmalloc(131_048, GFP_KERNEL)).toBe(0);
    expect(kernel.printed()).toEqual(["Couldn't get a free page....."]);
  });

  it("void kfree(void * obj): the block is free again, NULL does nothing", () => {
    const { kmalloc, kfree } = kernel.calls;
    const obj = kmalloc(100, GFP_KERNEL);
    kfree(obj);
    expect(blockAt(kernel.heap, obj)?.live).toBe(false);
    kernel.expectRefusal(() => kfree(0), undefined);
  });

  it("przydział spójnego obszaru pamięci fizycznej: one plain view of the buffer holds every byte", () => {
    const obj = kernel.calls.kmalloc(131_048, GFP_KERNEL);
    expect(kernel.heap.u8(obj, 131_048).length).toBe(131_048);
    expect(kernel.calls.is_vmalloc_addr(obj)).toBe(false);
  });

  it("wielkości maks. 32 stron pamięci (niecałe 128kb): 131,048 bytes with the headers left out, not one more", () => {
    const { kmalloc, kfree } = kernel.calls;
    expect(face.KMALLOC_MAX_BYTES).toBe(32 * PAGE - 24);
    const before = kernel.freePages;
    const obj = kmalloc(131_048, GFP_KERNEL);
    expect(before - kernel.freePages).toBe(32);
    kfree(obj);
    kernel.expectRefusal(() => kmalloc(131_049, GFP_KERNEL), 0, "kmalloc of too large a block (131049 bytes).");
    kernel.expectRefusal(() => kmalloc(131_049, GFP_ATOMIC), 0, "kmalloc of too large a block (131049 bytes).");
  });

  it("Przydział pamięci realizowany jest szybko (algorytm Buddy): pages come from buddies, which merge again", () => {
    const { kmalloc, kfree } = kernel.calls;
    const before = kernel.heap.pages.stats();
    const blocks = Array.from({ length: 20 }, () => kmalloc(100_000, GFP_KERNEL));
    expect(kernel.heap.pages.stats()).not.toEqual(before);
    for (const block of blocks) kfree(block);
    // A slot keeps a few of them for the next ones, as Linux's per-CPU lists do.
    kernel.heap.trim();
    expect(kernel.heap.pages.stats()).toEqual(before);
  });

  it("Parametr priority określa rodzaj pamięci (stałe GFP_*): GFP_DMA is memory of the DMA zone", () => {
    const dma = new TestKernel({ sizeBytes: 8 * MIB, dmaBytes: 2 * MIB });
    const end = new Peek(dma.heap).firstPageFrame * PAGE + 2 * MIB;
    for (const size of [1, 100, 4000, 131_048]) {
      expect(dma.calls.kmalloc(size, GFP_KERNEL | GFP_DMA)).toBeLessThan(end);
      expect(dma.calls.kmalloc(size, GFP_KERNEL)).toBeGreaterThanOrEqual(end);
    }
    dma.expectClean();
  });

  it("(stałe GFP_* zdef. w pliku linux/mm.h): with the values of Linux 2.4", () => {
    const { GFP_BUFFER, GFP_USER, GFP_HIGHUSER, GFP_NFS, GFP_KSWAPD } = face;
    expect({ GFP_KERNEL, GFP_ATOMIC, GFP_BUFFER, GFP_USER, GFP_HIGHUSER, GFP_NFS, GFP_KSWAPD, GFP_DMA }).toEqual({
      GFP_KERNEL: 7,
      GFP_ATOMIC: 2,
      GFP_BUFFER: 3,
      GFP_USER: 5,
      GFP_HIGHUSER: 21,
      GFP_NFS: 7,
      GFP_KSWAPD: 4,
      GFP_DMA: 8,
    });
  });

  it("Definicje znajdują się w pliku linux/malloc.h: one module has them all", () => {
    for (const name of ["kmalloc", "kfree", "vmalloc", "vfree", "__get_free_pages", "__free_pages"] as const) {
      expect(typeof kernel.calls[name]).toBe("function");
    }
    expect(face.SLAB_HWCACHE_ALIGN).toBe(0x2000);
    expect(face.SLAB_NO_GROW).toBe(0x1000);
    expect(face.SLAB_CTOR_CONSTRUCTOR).toBe(1);
  });

  it("GFP_KERNEL - najczęściej używana, może być blokująca: it reclaims what lies idle, and then fails", () => {
    const { kmalloc } = kernel.calls;
    const cachep = kernel.cache("idle", 4000);
    const objects = Array.from({ length: 100 }, () => kernel.calls.kmem_cache_alloc(cachep, SLAB_KERNEL));
    for (const objp of objects) kernel.calls.kmem_cache_free(cachep, objp);
    kernel.takeAllPages();
    kernel.printed();
    expect(kmalloc(100_000, GFP_KERNEL)).toBeGreaterThan(0);
    kernel.takeAllPages();
    expect(kmalloc(100_000, GFP_KERNEL)).toBe(0);
    expect(kernel.printed()).toEqual(["Couldn't get a free page....."]);
  });

  it("GFP_ATOMIC - nie blokuje: it may use the reserve, where GFP_KERNEL gets NULL", () => {
    const { __get_free_pages, kmalloc } = kernel.calls;
    kernel.takeAllPages();
    expect(kernel.freePages).toBeGreaterThan(0);
    expect(__get_free_pages(GFP_KERNEL, 0)).toBe(0);
    expect(__get_free_pages(GFP_ATOMIC, 0)).toBeGreaterThan(0);
    expect(kmalloc(2 * PAGE, GFP_KERNEL)).toBe(0);
    expect(kmalloc(2 * PAGE, GFP_ATOMIC)).toBeGreaterThan(0);
  });

  it("Nieco informacji na temat kmalloc: freed blocks serve again, the last one first", () => {
    const { kmalloc, kfree } = kernel.calls;
    const blocks = Array.from({ length: 8 }, () => kmalloc(100, GFP_KERNEL));
    for (const block of blocks) kfree(block);
    for (const block of blocks.reverse()) expect(kmalloc(100, GFP_KERNEL)).toBe(block);
  });
});

describe("vmalloc", () => {
  it("void *vmalloc(unsigned long size): a virtual address, at which every byte can be written", () => {
    const { vmalloc, vm } = kernel.calls;
    const area = vmalloc(5000);
    expect(area).toBeGreaterThanOrEqual(2 ** 32);
    vm.fill(area, 5000, 0xab);
    expect(vm.readBytes(area, 5000).every((byte) => byte === 0xab)).toBe(true);
  });

  it("void vfree(void *addr): the pages are free again, NULL does nothing", () => {
    const { vmalloc, vfree, vm } = kernel.calls;
    vfree(vmalloc(100_000));
    const before = kernel.freePages;
    const area = vmalloc(100_000);
    expect(kernel.freePages).toBeLessThan(before);
    vfree(area);
    expect(kernel.freePages).toBe(before);
    expect(() => vm.readU8(area)).toThrow("page fault");
    kernel.expectRefusal(() => vfree(0), undefined);
  });

  it("można przydzielić obszar dowolnie duży (pod warunkiem, ze jest odp. dużo wolnej pamieci fizycznej)", () => {
    const { vmalloc, vfree } = kernel.calls;
    const area = vmalloc(6 * MIB);
    expect(area).toBeGreaterThan(0);
    vfree(area);
    const tooLarge = 64 * MIB;
    for (const size of [tooLarge, 2 ** 32 - 1, 2 ** 32, 2 ** 33, 2 ** 53]) {
      kernel.expectRefusal(() => vmalloc(size), 0, `vmalloc error: size ${size}, exceeds total pages`);
    }
    kernel.expectClean();
  });

  it("ale już niespójny (pamięć ta przechodzi przez translację adresów): scattered frames are one area", () => {
    const { vmalloc, vm, vmalloc_to_page, page_address } = kernel.calls;
    const pages = kernel.takeAllPages(true);
    for (let index = 0; index < pages.length; index += 2) kernel.heap.pages.free(pages[index] as number, 1);
    expect(kernel.heap.pages.tryAlloc(2)).toBe(0);
    const area = vmalloc(10 * PAGE);
    const frames = Array.from({ length: 10 }, (_, page) => page_address(vmalloc_to_page(area + page * PAGE)));
    const isScattered = frames.every((frame, index) => index === 0 || frame !== (frames[index - 1] as number) + PAGE);
    expect(isScattered).toBe(true);
    vm.writeU32(area + PAGE - 2, 0x12345678);
    expect(vm.readU32(area + PAGE - 2)).toBe(0x12345678);
    expect(kernel.bytes[(frames[0] as number) + PAGE - 2]).toBe(0x78);
    expect(kernel.bytes[frames[1] as number]).toBe(0x34);
  });

  it("Definicje znajdują się w pliku linux/mm.h: areas end with a page that is not mapped", () => {
    const { vmalloc, vm } = kernel.calls;
    const area = vmalloc(5000);
    expect(vm.areas()).toMatchObject([{ address: area, sizeBytes: 3 * PAGE, pageCount: 2, askedBytes: 5000 }]);
    expect(() => vm.writeU8(area + 2 * PAGE, 1)).toThrow("page fault");
  });
});

describe("__get_free_pages", () => {
  it("unsigned long __get_free_pages(int gfp_mask, unsigned long order): an address, 0 when there is none", () => {
    const { __get_free_pages } = kernel.calls;
    expect(__get_free_pages(GFP_KERNEL, 0) % PAGE).toBe(0);
    kernel.takeAllPages();
    expect(__get_free_pages(GFP_KERNEL, 3)).toBe(0);
    expect(kernel.printed()).toEqual(["__alloc_pages: 3-order allocation failed."]);
  });

  it("Przydziela 2^order całych stron: aligned to their size, for every order", () => {
    const { __get_free_pages, free_pages } = kernel.calls;
    for (let order = 0; order < 10; order++) {
      const before = kernel.freePages;
      const address = __get_free_pages(GFP_KERNEL, order);
      expect(before - kernel.freePages).toBe(2 ** order);
      expect(address % (PAGE * 2 ** order)).toBe(0);
      free_pages(address, order);
      expect(kernel.freePages).toBe(before);
    }
  });

  it("parametr gfp_mask określa, jak przydzielać strony (jak w kmalloc): GFP_DMA, and the reserve", () => {
    const dma = new TestKernel({ sizeBytes: 8 * MIB, dmaBytes: 2 * MIB });
    const { __get_free_pages } = dma.calls;
    const normal = __get_free_pages(GFP_KERNEL, 4);
    expect(__get_free_pages(GFP_KERNEL | GFP_DMA, 4)).toBeLessThan(normal);
    dma.takeAllPages();
    expect(__get_free_pages(GFP_DMA | GFP_KERNEL, 0)).toBe(0);
    expect(__get_free_pages(GFP_DMA | GFP_ATOMIC, 0)).toBeGreaterThan(0);
  });

  it("void __free_pages(struct page *page, unsigned long order): takes the struct page of an address", () => {
    const { alloc_pages, __free_pages, page_address, virt_to_page } = kernel.calls;
    const before = kernel.freePages;
    const page = alloc_pages(GFP_KERNEL, 2);
    expect(virt_to_page(page_address(page) + 100)).toBe(page);
    __free_pages(page, 2);
    expect(kernel.freePages).toBe(before);
    kernel.expectRefusal(
      () => __free_pages(page_address(page), 2),
      undefined,
      `__free_pages: ${page_address(page).toString(16).padStart(8, "0")} cannot be freed: it is no struct page`,
    );
  });

  it("Zwalnia strony: all of them, once", () => {
    const { __get_free_pages, __free_pages, virt_to_page } = kernel.calls;
    const before = kernel.heap.pages.stats();
    const address = __get_free_pages(GFP_KERNEL, 5);
    __free_pages(virt_to_page(address), 5);
    expect(kernel.heap.pages.stats()).toEqual(before);
    const text = `__free_pages: ${address.toString(16).padStart(8, "0")} cannot be freed: is already free`;
    kernel.expectRefusal(() => __free_pages(virt_to_page(address), 5), undefined, text);
  });
});
