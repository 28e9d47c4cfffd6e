import { describe, expect, it } from "vitest";
import { dumpHeap, Heap, loadDump } from "../../src/index.ts";
import { LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { findVmalloc, meminfo, vmallocinfo } from "../../src/proc/index.ts";
import { parseMeminfo, parseVmallocinfo } from "./grammar.ts";
import { sample } from "./samples.ts";

const MIB = 2 ** 20;
const PAGE = 4096;

function heapWithAreas(): { heap: Heap; kernel: ReturnType<typeof linux> } {
  const heap = Heap.create({ sizeBytes: 4 * MIB, slotCount: 1 });
  const kernel = linux(heap, new LogRing());
  kernel.vm.vmalloc(10_000, { caller: "load_module+0x10/0x20" });
  kernel.vm.vmalloc(1);
  kernel.vm.vmalloc(1, { caller: "a b" });
  kernel.vm.vmap([heap.pages.alloc(1), heap.pages.alloc(1)], { caller: "vmap_pages" });
  return { heap, kernel };
}

describe("vmallocinfo", () => {
  it("prints these bytes: the range, its size with the guard page, who asked, the pages and where they are", () => {
    expect(vmallocinfo(heapWithAreas().kernel.vm)).toBe(
      [
        "0x0000000100000000-0x0000000100004000   16384 load_module+0x10/0x20 pages=3 vmalloc N0=3",
        "0x0000000100004000-0x0000000100006000    8192 pages=1 vmalloc N0=1",
        "0x0000000100006000-0x0000000100008000    8192 a_b pages=1 vmalloc N0=1",
        "0x0000000100008000-0x000000010000b000   12288 vmap_pages vmap",
        "",
      ].join("\n"),
    );
  });

  it("has the kernel's grammar and the figures of the areas", () => {
    const { kernel } = heapWithAreas();
    const areas = kernel.vm.areas();
    const lines = parseVmallocinfo(vmallocinfo(kernel.vm));
    expect(lines.map(({ start }) => Number(start))).toEqual(areas.map(({ address }) => address));
    expect(lines.map(({ sizeBytes }) => sizeBytes)).toEqual(areas.map(({ sizeBytes }) => sizeBytes));
    expect(lines.map(({ kind }) => kind)).toEqual(areas.map(({ kind }) => kind));
    expect(lines.map(({ end, start }) => Number(end - start))).toEqual(areas.map(({ sizeBytes }) => sizeBytes));
  });
});

describe("meminfo with virtual memory", () => {
  it("has four lines more, in Linux's order, with its figures", () => {
    const { heap, kernel } = heapWithAreas();
    const lines = parseMeminfo(meminfo(heap, kernel.vm));
    const stats = kernel.vm.stats();
    expect([...lines.keys()]).toEqual([
      ...["MemTotal", "MemFree", "MemAvailable", "Slab"],
      ...["PageTables", "VmallocTotal", "VmallocUsed", "VmallocChunk", "Percpu"],
    ]);
    const order = [...parseMeminfo(sample("6.12-meminfo")).keys()].filter((name) => lines.has(name));
    expect(order).toEqual([...lines.keys()]);
    expect(lines.get("VmallocUsed")).toBe((5 * PAGE) / 1024);
    expect(lines.get("PageTables")).toBe(((stats.directoryPages + stats.tablePages) * PAGE) / 1024);
    expect(lines.get("VmallocTotal")).toBe(stats.totalBytes / 1024);
    expect(lines.get("VmallocChunk")).toBe(stats.largestFreeBytes / 1024);
  });
});

describe("the virtual memory of a dump", () => {
  it("is found, with its areas, and nothing is written", () => {
    const { heap, kernel } = heapWithAreas();
    const copy = loadDump(dumpHeap(heap));
    const before = new Uint8Array(copy.buffer).slice();
    const vmalloc = findVmalloc(copy);
    expect(vmallocinfo(vmalloc)).toBe(vmallocinfo(kernel.vm));
    expect(meminfo(copy, vmalloc)).toBe(meminfo(heap, kernel.vm));
    expect(new Uint8Array(copy.buffer)).toEqual(before);
  });

  it("is not there where nobody made one", () => {
    expect(findVmalloc(Heap.create({ sizeBytes: MIB }))).toBeUndefined();
  });
});
