import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap, heapStats } from "../../src/index.ts";
import { GFP_ATOMIC, GFP_KERNEL } from "../../src/kernels/linux/linux.ts";
import { pageBlocks } from "../../src/trace/ftrace.ts";
import * as face from "../../src/trace/index.ts";
import { ftraceHeader, ftraceText, TraceReader, type TraceRing, traceNames, traceText } from "../../src/trace/index.ts";
import { MIB, placeWord, traced, wordsOf } from "./support.ts";

const PAGE = 4096;
const CONTEXT = "            kmem-1       [000] .....     0.000000: ";

function lines(heap: Heap, ring: TraceRing): string[] {
  const names = traceNames(heap);
  const text = new TraceReader(ring)
    .read()
    .map((event) => ftraceText(event, names))
    .join("");
  expect(text.endsWith("\n")).toBe(true);
  return text.slice(0, -1).split("\n");
}

describe("kmem/trace", () => {
  it("exports these names, and no others", () => {
    const functions = ["createTraceRing", "findTraceRing", "ftraceHeader", "ftraceText", "openTraceRing"];
    const others = [
      "CallReader",
      "NO_NODE",
      "TraceKind",
      "TraceReader",
      "recordHeap",
      "traceNames",
      "traceParts",
      "traceText",
    ];
    expect(Object.keys(face).sort()).toEqual([...functions, ...others].sort());
  });
});

describe("an event as the kernel prints it", () => {
  it("has the fields of its tracepoint", () => {
    const { heap, ring, clock } = traced(64);
    const kind = layersOf(heap).caches.find("kmalloc-256") ?? 0;
    ring.kmalloc(0x12340, 100, 112, GFP_KERNEL);
    ring.kmalloc(0, 8, 16, GFP_ATOMIC, 0x1f, 2);
    ring.kfree(0xffff_fff0);
    clock.ms += 12_345.678;
    ring.cacheAlloc(0x100, kind, 250, 256, GFP_KERNEL);
    clock.ms += 1_000_000_000;
    ring.cacheFree(0x100, kind);
    expect(lines(heap, ring)).toEqual([
      `${CONTEXT}kmalloc: call_site=0x0 ptr=0000000000012340 bytes_req=100 bytes_alloc=112 gfp_flags=GFP_KERNEL node=-1 accounted=false`,
      `${CONTEXT}kmalloc: call_site=0x1f ptr=0000000000000000 bytes_req=8 bytes_alloc=16 gfp_flags=GFP_ATOMIC node=2 accounted=false`,
      `${CONTEXT}kfree: call_site=0x0 ptr=00000000fffffff0`,
      "            kmem-1       [000] .....    12.345678: kmem_cache_alloc: call_site=0x0 ptr=0000000000000100 name=kmalloc-256 bytes_req=250 bytes_alloc=256 gfp_flags=GFP_KERNEL node=-1 accounted=false",
      "            kmem-1       [000] ..... 1000012.345678: kmem_cache_free: call_site=0x0 ptr=0000000000000100 name=kmalloc-256",
    ]);
  });

  it("has pages as blocks of the kernel's orders, each with its descriptor", () => {
    const { heap, ring } = traced(64);
    const frame = heapStats(heap).startAddress / PAGE + 64;
    const descriptor = (pages: number): string =>
      (layersOf(heap).pages.frames.record(frame + pages) * 4).toString(16).padStart(16, "0");
    const pfn = (pages: number): string => `pfn=0x${(frame + pages).toString(16)}`;
    ring.pageAlloc(frame * PAGE, 5 * PAGE, GFP_KERNEL);
    ring.pageFree((frame + 1) * PAGE, PAGE);
    ring.pageAlloc(0, 5 * PAGE, GFP_ATOMIC);
    expect(lines(heap, ring)).toEqual([
      `${CONTEXT}mm_page_alloc: page=${descriptor(0)} ${pfn(0)} order=2 migratetype=0 gfp_flags=GFP_KERNEL`,
      `${CONTEXT}mm_page_alloc: page=${descriptor(4)} ${pfn(4)} order=0 migratetype=0 gfp_flags=GFP_KERNEL`,
      `${CONTEXT}mm_page_free: page=${descriptor(1)} ${pfn(1)} order=0`,
      `${CONTEXT}mm_page_alloc: page=0000000000000000 pfn=0x0 order=3 migratetype=0 gfp_flags=GFP_ATOMIC`,
    ]);
  });

  it("has the names that it is given, and none for a cache that there is not", () => {
    const { heap, ring } = traced(64);
    ring.kfree(16, 7);
    ring.cacheFree(16, 250);
    ring.cacheFree(16, 0xffff_ffff);
    const [first, second, third] = new TraceReader(ring).read();
    const names = {
      ...traceNames(heap),
      task: () => ({ name: "main", pid: 4711 }),
      callSite: (id: number) => `main.ts:${id}`,
    };
    const text = [first, second, third].map((event) => event && ftraceText(event, names)).join("");
    expect(text.replaceAll(/^.*?: /gm, "")).toBe(
      "kfree: call_site=main.ts:7 ptr=0000000000000010\n" +
        "kmem_cache_free: call_site=0x0 ptr=0000000000000010 name=\n".repeat(2),
    );
    expect(text.startsWith("            main-4711    [000] ..... ")).toBe(true);
  });
});

describe("what stands before the events", () => {
  it("says how many there are, how many were lost, and what the columns are", () => {
    const header = ftraceHeader({ shownCount: 3, lostCount: 4, slotCount: 64 });
    expect(header.split("\n").slice(0, 4)).toEqual([
      "# tracer: nop",
      "#",
      "# entries-in-buffer/entries-written: 3/7   #P:64",
      "#",
    ]);
    expect(
      header.endsWith("FUNCTION\n#              | |         |   |||||     |         |\nCPU:0 [LOST 4 EVENTS]\n"),
    ).toBe(true);
    expect(ftraceHeader({ shownCount: 3, lostCount: 0, slotCount: 1 })).not.toContain("LOST");
  });

  it("is followed by all that is in the ring; events that were never finished count as lost", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    expect(traceText(heap)).toBe(undefined);
    const world = traced(4);
    for (let count = 1; count <= 6; count++) world.ring.kfree(count * 16);
    wordsOf(world.heap)[placeWord(world.ring, 1)] = -1;
    const text = traceText(world.heap) ?? "";
    expect(text.startsWith(ftraceHeader({ shownCount: 3, lostCount: 3, slotCount: 64 }))).toBe(true);
    expect(text.match(/ptr=\w+/g)).toEqual(
      [3, 4, 5].map((count) => `ptr=${(count * 16).toString(16).padStart(16, "0")}`),
    );
  });
});

describe("the blocks of some pages", () => {
  it("are aligned, as large as can be, and cover them once", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 20), fc.integer({ min: 1, max: 5000 }), (first, pageCount) => {
        const blocks = pageBlocks(first, pageCount);
        let frame = first;
        for (const block of blocks) {
          expect(block.frame).toBe(frame);
          expect(frame % 2 ** block.order).toBe(0);
          frame += 2 ** block.order;
          const size = 2 ** (block.order + 1);
          const isLargest = block.order === 10 || block.frame % size !== 0 || block.frame + size > first + pageCount;
          expect(isLargest).toBe(true);
        }
        expect(frame).toBe(first + pageCount);
      }),
    );
  });
});
