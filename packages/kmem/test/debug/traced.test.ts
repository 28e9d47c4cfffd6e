import { expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { layersOf } from "../../src/heap/access.ts";
import { TraceReader, traceNames, traceText } from "../../src/trace/index.ts";
import { TraceRing } from "../../src/trace/ring.ts";
import { MIB } from "../support/memories.ts";

function functionsOf(text: string): string[] {
  return [...text.matchAll(/\d+\.\d+: (\w+):/g)].map(([, name]) => name as string);
}

it("a debugged heap notes each alloc and free in its ring, by the names of the kernel", () => {
  const heap = DebugHeap.create({ sizeBytes: 4 * MIB, traceEvents: 64 });
  const cache = heap.createCache({ name: "inode", sizeBytes: 600 });
  const block = heap.alloc(100);
  const object = cache.alloc();
  const pages = heap.pages.alloc(4);
  const moved = heap.realloc(block, 5000);
  heap.free(moved);
  cache.free(object);
  heap.pages.free(pages, 4);
  const text = traceText(heap) ?? "";
  expect(functionsOf(text)).toEqual([
    "kmalloc",
    "kmem_cache_alloc",
    "mm_page_alloc",
    "kmalloc",
    "kfree",
    "kfree",
    "kmem_cache_free",
    "mm_page_free",
  ]);
  expect(text).toMatch(/kmalloc: call_site=0x[0-9a-f]+ ptr=0*[0-9a-f]+ bytes_req=100 /);
  expect(text).toMatch(/kmem_cache_alloc: .* name=inode bytes_req=600 /);
});

it("what fails leaves no event, and a call site leads to its stack", () => {
  const heap = DebugHeap.create({ sizeBytes: 4 * MIB, traceEvents: 64, report: () => {} });
  const block = heap.alloc(8);
  expect(() => heap.free(block + 16)).toThrow();
  expect(() => heap.pages.free(4096, 1)).toThrow();
  heap.injectFaults({});
  expect(heap.tryAlloc(8)).toBe(0);
  const ring = TraceRing.find(layersOf(heap)) as TraceRing;
  const events = new TraceReader(ring).read();
  expect(events).toHaveLength(1);
  expect(heap.stackOf(events[0]?.callSite ?? 0)).toContain("traced.test.ts");
  const names = { ...traceNames(heap), callSite: (id: number) => /[\w.]+\.ts:\d+/.exec(heap.stackOf(id))?.[0] ?? "?" };
  expect(traceText(heap, names)).toMatch(/kmalloc: call_site=traced\.test\.ts:\d+ /);
});

it("every thread that opens the heap writes to the ring", () => {
  const heap = DebugHeap.create({ sizeBytes: 4 * MIB, traceEvents: 64 });
  const other = DebugHeap.attach(heap.reserve());
  heap.free(other.alloc(30));
  const ring = TraceRing.find(layersOf(heap)) as TraceRing;
  expect(new TraceReader(ring).read().map(({ slot }) => slot)).toEqual([other.slot, heap.slot]);
});
