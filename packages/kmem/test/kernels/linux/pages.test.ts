// Pages and virtual memory: the reference's §6.5, §6.6, §7.7, §7.8 and the vectors of §11.7; and what linux() binds to.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Heap, heapStats, OutOfMemoryError } from "../../../src/index.ts";
import { GFP_ATOMIC, GFP_KERNEL, LogRing, linux } from "../../../src/kernels/linux/linux.ts";
import { MIB, PAGE, p, TestKernel } from "./support.ts";

let kernel: TestKernel;

beforeEach(() => {
  kernel = new TestKernel();
});

/** %p of a virtual address. */
const p64 = (address: number): string => address.toString(16).padStart(16, "0");

describe("pages", () => {
  it.each([10, 11, -1, 0.5, Number.NaN])("have no order %d", (order) => {
    const { __get_free_pages, alloc_pages, free_pages } = kernel.calls;
    const text = `__alloc_pages: ${order}-order allocation failed.`;
    kernel.expectRefusal(() => __get_free_pages(GFP_KERNEL, order), 0, text);
    kernel.expectRefusal(() => alloc_pages(GFP_KERNEL, order), 0, text);
    const address = __get_free_pages(GFP_KERNEL, 0);
    const refusal = `free_pages: ${p(address)} cannot be freed: ${order} is no order`;
    kernel.expectRefusal(() => free_pages(address, order), undefined, refusal);
  });

  it("are aligned to their size, or not to be had", () => {
    const pages = kernel.takeAllPages(true).sort((one, other) => one - other);
    const odd = pages.find((page, index) => (page / PAGE) % 2 === 1 && pages[index + 1] === page + PAGE) as number;
    kernel.heap.pages.free(odd, 1);
    kernel.heap.pages.free(odd + PAGE, 1);
    expect(kernel.calls.__get_free_pages(GFP_ATOMIC, 1)).toBe(0);
    expect(kernel.calls.alloc_pages_exact(2 * PAGE, GFP_ATOMIC)).toBe(odd);
  });

  it("refuse masks that are none", () => {
    const text = "__get_free_pages: not a combination of flags: 32";
    kernel.expectRefusal(() => kernel.calls.__get_free_pages(0x20, 0), 0, text);
  });

  it("are refused where they are not allocated, or not all of them", () => {
    const { __get_free_pages, free_pages, free_page, kmalloc } = kernel.calls;
    const block = kmalloc(100_000, GFP_KERNEL);
    const address = __get_free_pages(GFP_KERNEL, 2);
    const refuse = (call: () => void, text: string): void => kernel.expectRefusal(call, undefined, text);
    refuse(
      () => free_pages(address + 1, 0),
      `free_pages: ${p(address + 1)} cannot be freed: it is no address of a page`,
    );
    refuse(
      () => free_pages(address, 3),
      `free_pages: ${p(address)} cannot be freed: page 4 of the stretch is already free`,
    );
    refuse(() => free_page(block), `free_page: ${p(block)} cannot be freed: belongs to a block of the heap`);
    refuse(() => free_page(0x1000), "free_page: 00001000 cannot be freed: belongs to the header and the tables");
    refuse(() => free_page(64 * MIB), `free_page: ${p(64 * MIB)} cannot be freed: lies outside of the managed memory`);
    kernel.expectRefusal(() => free_pages(0, 2), undefined);
    free_pages(address, 2);
    kernel.expectClean();
  });

  it("get_zeroed_page clears, whatever was there", () => {
    const { __get_free_page, get_zeroed_page, free_page } = kernel.calls;
    const pages = Array.from({ length: 10 }, () => __get_free_page(GFP_KERNEL));
    for (const page of pages) kernel.bytes.fill(0xff, page, page + PAGE);
    for (const page of pages) free_page(page);
    const zeroed = Array.from({ length: 10 }, () => get_zeroed_page(GFP_KERNEL));
    for (const page of zeroed) expect(kernel.bytes.subarray(page, page + PAGE).every((byte) => byte === 0)).toBe(true);
    expect(zeroed.some((page) => pages.includes(page))).toBe(true);
  });

  it("alloc_pages_exact takes no page more than it must, and free_pages_exact gives them back", () => {
    const { alloc_pages_exact, free_pages_exact } = kernel.calls;
    const before = kernel.freePages;
    const address = alloc_pages_exact(5 * PAGE - 1, GFP_KERNEL);
    expect(before - kernel.freePages).toBe(5);
    free_pages_exact(address, 5 * PAGE - 1);
    expect(kernel.freePages).toBe(before);
    kernel.expectRefusal(() => alloc_pages_exact(0, GFP_KERNEL), 0);
    kernel.expectRefusal(() => alloc_pages_exact(2 ** 33, GFP_KERNEL), 0);
  });

  it("have struct pages, NULL for what is outside", () => {
    const { virt_to_page, page_address } = kernel.calls;
    expect(page_address(virt_to_page(5 * PAGE + 17))).toBe(5 * PAGE);
    expect([virt_to_page(64 * MIB), virt_to_page(-1), virt_to_page(Number.NaN)]).toEqual([0, 0, 0]);
    const page = virt_to_page(0);
    expect([page_address(page + 1), page_address(page - 16), page_address(page + 16 * 2048)]).toEqual([0, 0, 0]);
  });
});

describe("virtual memory", () => {
  it("vmalloc(5000) takes 2 pages and a guard; vfree refuses what is no start of an area, or a second time", () => {
    const { vmalloc, vfree, vm } = kernel.calls;
    const area = vmalloc(5000);
    expect(vm.areas().map(({ pageCount, sizeBytes }) => [pageCount, sizeBytes])).toEqual([[2, 3 * PAGE]]);
    kernel.expectRefusal(() => vfree(area + 1), undefined, `Trying to vfree() bad address (${p64(area + 1)})`);
    const inside = `Trying to vfree() nonexistent vm area (${p64(area + PAGE)})`;
    kernel.expectRefusal(() => vfree(area + PAGE), undefined, inside);
    vfree(area);
    kernel.expectRefusal(() => vfree(area), undefined, `Trying to vfree() nonexistent vm area (${p64(area)})`);
    kernel.expectClean();
  });

  it.each<[number, string]>([
    [0, "not a size"],
    [-1, "not a size"],
    [1.5, "not a size"],
    [2 ** 32, "exceeds total pages"],
    [9 * MIB, "exceeds total pages"],
    [8 * MIB - 300 * PAGE, "failed to allocate pages"],
  ])("vmalloc(%d) gives NULL and says why: %s", (size, text) => {
    kernel.takeAllPages();
    kernel.expectRefusal(() => kernel.calls.vmalloc(size), 0, `vmalloc error: size ${size}, ${text}`);
    kernel.expectRefusal(() => kernel.calls.vzalloc(size), 0, `vzalloc error: size ${size}, ${text}`);
  });

  it("reclaims what lies idle before it fails", () => {
    const cachep = kernel.cache("idle", 4000);
    const objects = Array.from({ length: 100 }, () => kernel.calls.kmem_cache_alloc(cachep, GFP_KERNEL));
    for (const objp of objects) kernel.calls.kmem_cache_free(cachep, objp);
    kernel.takeAllPages();
    expect(kernel.calls.vmalloc(80 * PAGE)).toBeGreaterThan(0);
    kernel.expectClean();
  });

  it("vzalloc clears every page", () => {
    const { vmalloc, vzalloc, vfree, vm } = kernel.calls;
    const area = vmalloc(20_000);
    vm.fill(area, 20_000, 0xff);
    vfree(area);
    const zeroed = vzalloc(20_000);
    expect(vm.readBytes(zeroed, 20_480).every((byte) => byte === 0)).toBe(true);
  });

  it("vmap shows pages a second time, in the order asked for, and vunmap leaves them", () => {
    const { alloc_pages, vmap, vunmap, vm, page_address, __free_pages, vfree } = kernel.calls;
    const pages = Array.from({ length: 3 }, () => alloc_pages(GFP_KERNEL, 0)).reverse();
    const area = vmap(pages);
    for (const [index, page] of pages.entries()) {
      vm.writeU8(area + index * PAGE + 5, 100 + index);
      expect(kernel.bytes[page_address(page) + 5]).toBe(100 + index);
    }
    kernel.expectRefusal(() => vfree(area), undefined, `Trying to vfree() an area of vmap (${p64(area)})`);
    vunmap(area);
    kernel.expectRefusal(() => vunmap(area), undefined, `Trying to vunmap() nonexistent vm area (${p64(area)})`);
    for (const page of pages) __free_pages(page, 0);
    const free = pages[1] as number;
    kernel.expectRefusal(() => vmap([free]), 0, "vmap: page 0 of 1 is not in use");
    kernel.expectRefusal(() => vmap([]), 0, "vmap error: size 0, not a size");
    kernel.expectClean();
  });

  it("kvmalloc takes kmalloc where it can and vmalloc beyond, and kvfree takes both", () => {
    const { kvmalloc, kvfree, is_vmalloc_addr } = kernel.calls;
    const addresses = [100, 131_048, 131_049, MIB].map((size) => kvmalloc(size, GFP_KERNEL));
    expect(addresses.map(is_vmalloc_addr)).toEqual([false, false, true, true]);
    for (const address of addresses) kvfree(address);
    expect(kernel.calls.vm.areas()).toEqual([]);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
    kernel.expectRefusal(() => kvfree(0), undefined);
    const pages = kernel.takeAllPages();
    for (let index = 0; index < pages.length; index += 2) kernel.heap.pages.free(pages[index] as number, 1);
    kernel.printed();
    expect(is_vmalloc_addr(kvmalloc(100_000, GFP_KERNEL))).toBe(true);
  });
});

describe("reserves of elements", () => {
  it("mempool_alloc falls back on the reserve when the allocator gives none, and mempool_free fills it first", () => {
    const { mempool_create_slab_pool, mempool_alloc, mempool_free, mempool_destroy } = kernel.calls;
    const cachep = kernel.cache("elements", 4096);
    const pool = mempool_create_slab_pool(4, cachep);
    const before = heapStats(kernel.heap).liveBlocks;
    const pages = kernel.takeAllPages();
    const elements: number[] = [];
    for (let element = mempool_alloc(pool, GFP_KERNEL); element !== 0; element = mempool_alloc(pool, GFP_KERNEL)) {
      elements.push(element);
    }
    expect(elements.length).toBeGreaterThanOrEqual(4);
    expect(new Set(elements).size).toBe(elements.length);
    for (const page of pages) kernel.heap.pages.free(page, 1);
    for (const element of elements) mempool_free(element, pool);
    expect(heapStats(kernel.heap).liveBlocks).toBe(before);
    mempool_destroy(pool);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
    kernel.printed();
    kernel.expectRefusal(() => mempool_alloc(pool, GFP_KERNEL), 0, `mempool_alloc: bad pool ${p(pool)}`);
    kernel.expectRefusal(() => mempool_destroy(0), undefined);
  });

  it("mempool_create gives everything back when it cannot fill the reserve", () => {
    const { mempool_create, mempool_create_kmalloc_pool, mempool_alloc, mempool_free } = kernel.calls;
    const given: number[] = [];
    const returned: number[] = [];
    const alloc_fn = (_gfp: number, data: number): number => {
      const element = given.length < data ? 1000 + given.length : 0;
      if (element !== 0) given.push(element);
      return element;
    };
    expect(mempool_create(5, alloc_fn, (element) => returned.push(element), 3)).toBe(0);
    expect(returned.sort()).toEqual(given);
    expect(heapStats(kernel.heap).liveBlocks).toBe(0);
    kernel.expectRefusal(() => mempool_create_kmalloc_pool(0, 8), 0, "mempool_create: not a number of elements: 0");
    const pool = mempool_create_kmalloc_pool(2, 100);
    const element = mempool_alloc(pool, GFP_ATOMIC);
    expect(heapStats(kernel.heap).liveBlocks).toBe(4);
    mempool_free(element, pool);
    expect(heapStats(kernel.heap).liveBlocks).toBe(3);
  });
});

describe("linux(memory, console)", () => {
  it.each([
    ["SharedArrayBuffer", () => new SharedArrayBuffer(MIB)],
    ["ArrayBuffer", () => new ArrayBuffer(MIB)],
    ["WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 16, maximum: 64 })],
  ])("makes a heap in a %s, and finds it and the virtual memory there the next time", (_name, make) => {
    const source = make();
    const log = new LogRing();
    const first = linux(source, log);
    const area = first.vmalloc(10_000);
    first.vm.writeF64(area + 4092, 0.5);
    const free = heapStats(first.heap).bytes.freePageBytes;
    const second = linux(source, log);
    expect(heapStats(second.heap).bytes.freePageBytes).toBe(free);
    expect(second.vm.readF64(area + 4092)).toBe(0.5);
    second.vfree(area);
    expect(first.vm.areas()).toEqual([]);
    expect(first.check().findings).toEqual([]);
  });

  it("throws where there are no pages for the virtual memory, and takes none", () => {
    const heap = Heap.create({ sizeBytes: 512 * 1024 });
    while (heap.pages.tryAlloc(1) !== 0);
    while (heap.pages.tryAlloc(1, { reserve: true }) !== 0);
    const left = heapStats(heap).bytes.freePageBytes;
    expect(() => linux(heap, new LogRing())).toThrow(OutOfMemoryError);
    expect(heapStats(heap).bytes.freePageBytes).toBe(left);
  });

  it("prints to console.error unless it is given a console", () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    linux(new ArrayBuffer(MIB)).kmalloc(131_049, GFP_KERNEL);
    expect(error.mock.calls).toEqual([["kmalloc of too large a block (131049 bytes)."]]);
    error.mockRestore();
  });

  it("works in memory that grows, shared or not", () => {
    for (const shared of [true, false]) {
      const log = new LogRing();
      const calls = linux(Heap.create({ sizeBytes: MIB, maximumBytes: 32 * MIB, shared }), log);
      const areas = Array.from({ length: 20 }, () => calls.vmalloc(200_000));
      const blocks = Array.from({ length: 40 }, () => calls.kzalloc(100_000, GFP_KERNEL));
      for (const [index, area] of areas.entries()) calls.vm.fill(area, 200_000, index);
      for (const block of blocks) expect(calls.ksize(block)).toBe(102_400);
      for (const [index, area] of areas.entries()) expect(calls.vm.readU8(area + 199_999)).toBe(index);
      for (const area of areas) calls.vfree(area);
      for (const block of blocks) calls.kfree(block);
      expect(log.messages()).toEqual([]);
      expect(calls.check().findings).toEqual([]);
    }
  });
});
