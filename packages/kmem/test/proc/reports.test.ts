import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap, heapStats } from "../../src/index.ts";
import * as face from "../../src/proc/index.ts";
import { parseBuddyinfo, parseMeminfo, parseSlabinfo } from "./grammar.ts";
import { sample } from "./samples.ts";

const { buddyinfo, meminfo, slabinfo, slabtop, vmallocinfo } = face;
const MIB = 2 ** 20;
const PAGE = 4096;
const KILOBYTE = 1024;

/** A heap of which every report shows something. */
function busyHeap(): Heap {
  const heap = Heap.create({ sizeBytes: 4 * MIB, dmaBytes: MIB, slotCount: 1 });
  const cache = heap.createCache({ name: "my objects", sizeBytes: 200 });
  for (let count = 0; count < 50; count += 1) cache.alloc();
  for (let count = 0; count < 1000; count += 1) heap.alloc(64);
  heap.createCache({ name: "idle", sizeBytes: 2176 });
  heap.alloc(100_000);
  heap.pages.alloc(5);
  heap.pages.alloc(3, { dma: true });
  return heap;
}

const namesIn = (text: string): string[] => [...parseMeminfo(text).keys()];

describe("kmem/proc", () => {
  it("exports these names, and no others", () => {
    const reports = ["buddyinfo", "meminfo", "slabinfo", "slabtop", "vmallocinfo"];
    expect(Object.keys(face).sort()).toEqual(["SLABTOP_SORTS", "findVmalloc", ...reports].sort());
  });
});

describe("slabinfo", () => {
  it("has the caches made last first, and those without slabs too", () => {
    const rows = parseSlabinfo(slabinfo(busyHeap()));
    expect(rows.slice(0, 3).map(({ name }) => name)).toEqual(["idle", "my_objects", "kmalloc-32768"]);
    expect(rows.at(-1)?.name).toBe("kmalloc-16");
    expect(rows).toHaveLength(74);
  });

  it("prints these bytes", () => {
    const lines = slabinfo(busyHeap()).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      ...sample("6.12-slabinfo").split("\n").slice(0, 2),
      "idle                   0      0   2176   11    6 : tunables    0    0    0 : slabdata      0      0      0",
      "my_objects            50     78    208   39    2 : tunables    0    0    0 : slabdata      2      2      0",
    ]);
    expect(lines).toContain(
      "kmalloc-64          1024   1024     64   64    1 : tunables    0    0    0 : slabdata     16     16      0",
    );
  });
});

describe("buddyinfo", () => {
  it("has a line for each zone, with the blank at its end", () => {
    const [dma, normal] = buddyinfo(busyHeap()).split("\n");
    expect(dma).toBe(
      "Node 0, zone      DMA      3      1      0      1      1      1      1      1      0      0      0 ",
    );
    expect(normal).toMatch(/^Node 0, zone {3}Normal (?: {5}\d ){11}$/);
  });

  it("leaves out a zone without pages, as Linux does", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    expect(parseBuddyinfo(buddyinfo(heap)).map(({ zone }) => zone)).toEqual(["Normal"]);
  });
});

describe("meminfo", () => {
  it("prints these bytes", () => {
    expect(meminfo(busyHeap())).toBe(
      [
        "MemTotal:           3788 kB",
        "MemFree:            3556 kB",
        "MemAvailable:       3540 kB",
        "Slab:                180 kB",
        "Percpu:               20 kB",
        "",
      ].join("\n"),
    );
  });

  it("has lines that Linux has, in its order", () => {
    const ours = namesIn(meminfo(busyHeap()));
    expect(namesIn(sample("6.12-meminfo")).filter((name) => ours.includes(name))).toEqual(ours);
  });

  it("has nothing available below the high watermarks", () => {
    const heap = Heap.create({ sizeBytes: 4 * MIB });
    while (heap.tryAlloc(PAGE) !== 0);
    expect(parseMeminfo(meminfo(heap)).get("MemAvailable")).toBe(0);
  });
});

describe("slabtop", () => {
  it("is sorted by objects unless it is told otherwise", () => {
    const heap = busyHeap();
    const lines = slabtop(heap).split("\n");
    expect(lines.slice(0, 10)).toEqual([
      " Active / Total Objects (% used)    : 1074 / 1102 (97.5%)",
      " Active / Total Slabs (% used)      : 18 / 18 (100.0%)",
      " Active / Total Caches (% used)     : 2 / 74 (2.7%)",
      " Active / Total Size (% used)       : 74.16K / 79.84K (92.9%)",
      " Minimum / Average / Maximum Object : 0.02K / 0.07K / 32.00K",
      "",
      "  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME                   ",
      "  1024   1024 100%    0.06K     16       64        64K kmalloc-64             ",
      "    78     50  64%    0.20K      2       39        16K my_objects             ",
      "     0      0   0%    2.12K      0       11         0K idle                   ",
    ]);
    expect(slabtop(heap, { sort: "n" }).split("\n")[7]).toContain(" idle ");
  });
});

describe("vmallocinfo", () => {
  it("is empty where there is no virtual memory", () => {
    expect(vmallocinfo(undefined)).toBe("");
  });
});

describe("the reports of any heap", () => {
  const operation = fc.record({ sizeBytes: fc.integer({ min: 0, max: 80_000 }), frees: fc.boolean() });

  it("have the kernel's grammar and the figures of the heap", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), fc.boolean(), (operations, hasDma) => {
        const heap = Heap.create({ sizeBytes: 8 * MIB, slotCount: 1, dmaBytes: hasDma ? 2 * MIB : 0 });
        const live: number[] = [];
        for (const { sizeBytes, frees } of operations) {
          live.push(heap.tryAlloc(sizeBytes));
          if (frees) heap.free(live.splice(sizeBytes % live.length, 1)[0]!);
        }
        const { caches, zones, bytes } = heapStats(heap);
        const rows = parseSlabinfo(slabinfo(heap)).filter(({ slabs }) => slabs > 0);
        expect(rows.map(({ name, slabs }) => [name, slabs])).toEqual(
          caches.map(({ name, slabs }) => [name, slabs]).reverse(),
        );
        for (const row of rows) {
          const cache = caches.find(({ name }) => name === row.name)!;
          expect(row.activeObjects).toBe(cache.liveBlocks + cache.sheafBlocks);
          expect(row.objects - row.activeObjects).toBe(cache.freeBlocks);
          expect(row.objects).toBe(row.slabs * row.objectsPerSlab);
        }
        const lines = parseBuddyinfo(buddyinfo(heap));
        const freePages = lines.map(({ counts }) => counts.reduce((sum, count, order) => sum + count * 2 ** order, 0));
        expect(freePages).toEqual(zones.filter(({ pages }) => pages > 0).map((zone) => zone.freePages));
        const memory = parseMeminfo(meminfo(heap));
        const slabPages = rows.reduce((sum, row) => sum + row.slabs * row.pagesPerSlab, 0);
        expect(memory.get("MemFree")! * KILOBYTE).toBe(bytes.freePageBytes);
        expect(memory.get("MemTotal")! * KILOBYTE).toBe(bytes.totalBytes - bytes.metadataBytes);
        expect(memory.get("Slab")! * KILOBYTE).toBe(slabPages * PAGE + bytes.blockRunBytes);
        // With no runs of pages of the page allocator's own, this is all there is.
        const used = memory.get("Slab")! + memory.get("Percpu")!;
        expect(memory.get("MemTotal")! - memory.get("MemFree")!).toBe(used);
      }),
      { numRuns: 40 },
    );
  });
});
