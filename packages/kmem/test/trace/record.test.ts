import { describe, expect, it } from "vitest";
import { Heap, KmemError } from "../../src/index.ts";
import {
  createTraceRing,
  recordHeap,
  TraceKind,
  TraceReader,
  type TraceRing,
  traceText,
} from "../../src/trace/index.ts";
import { MEMORY_CASES } from "../support/memories.ts";
import { MIB, traced } from "./support.ts";

/** Names of the events, with the addresses and sizes that they have. */
function readCalls(ring: TraceRing): (readonly [kind: number, ptr: number, bytesReq: number])[] {
  return new TraceReader(ring).read().map(({ kind, ptr, bytesReq }) => [kind, ptr, bytesReq] as const);
}

describe("a heap that is recorded", () => {
  it("has every call of this thread's in the ring, and is what it was afterwards", () => {
    const { heap, ring } = traced(64);
    const former = { ...heap };
    const recording = recordHeap(heap, ring);
    const first = heap.alloc(100);
    const second = heap.calloc(3, 40);
    const moved = heap.realloc(first, 5000);
    const aligned = heap.alignedAlloc(256, 10);
    const tried = heap.tryAlloc(8);
    for (const address of [second, moved, aligned, tried, 0]) heap.free(address);
    expect(readCalls(ring)).toEqual([
      [TraceKind.KMALLOC, first, 100],
      [TraceKind.KMALLOC, second, 120],
      [TraceKind.KFREE, first, 0],
      [TraceKind.KMALLOC, moved, 5000],
      [TraceKind.KMALLOC, aligned, 10],
      [TraceKind.KMALLOC, tried, 8],
      [TraceKind.KFREE, second, 0],
      [TraceKind.KFREE, moved, 0],
      [TraceKind.KFREE, aligned, 0],
      [TraceKind.KFREE, tried, 0],
    ]);
    recording.stop();
    recording.stop();
    expect({ ...heap }).toEqual(former);
    heap.free(heap.alloc(1));
    expect(readCalls(ring)).toHaveLength(10);
  });

  it("records caches that it makes and opens, by their names", () => {
    const { heap, ring } = traced(64);
    const recording = recordHeap(heap, ring);
    const cache = heap.createCache({ name: "parts", sizeBytes: 48 });
    const object = cache.alloc();
    heap.openCache("parts").free(object);
    const text = traceText(heap)!;
    expect(text).toMatch(/kmem_cache_alloc: .* name=parts bytes_req=48/);
    expect(text).toMatch(/kmem_cache_free: .* name=parts/);
    recording.stop();
    cache.free(cache.alloc());
    expect(readCalls(ring)).toHaveLength(2);
  });

  it("ends a recording that goes on, and refuses what is no heap and no ring", () => {
    const { heap, ring } = traced(64);
    const other = createTraceRing(heap, 8)!;
    recordHeap(heap, ring);
    recordHeap(heap, other);
    heap.free(heap.alloc(1));
    expect(readCalls(ring)).toEqual([]);
    expect(readCalls(other)).toHaveLength(2);
    for (const [one, two] of [
      [{}, ring],
      [heap, {}],
      [heap, undefined],
    ]) {
      expect(() => recordHeap(one as Heap, two as TraceRing)).toThrow(KmemError);
    }
  });

  it.each(MEMORY_CASES.map((memory) => [memory.name, memory] as const))(
    "goes on as the heap grows: %s",
    (_name, memory) => {
      const { heap } = memory.make();
      const ring = createTraceRing(heap, 4096);
      if (ring === undefined) return;
      recordHeap(heap, ring);
      const live: number[] = [];
      for (let count = 0; count < 1000; count += 1) {
        const address = heap.tryAlloc(5000);
        if (address !== 0) live.push(address);
      }
      const made = readCalls(ring).filter(([kind, ptr]) => kind === TraceKind.KMALLOC && ptr !== 0);
      expect(made.map(([, ptr]) => ptr)).toEqual(live);
      expect(live.length).toBeGreaterThan(0);
    },
  );

  it("counts what another reader comes too late for", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const ring = createTraceRing(heap, 8)!;
    recordHeap(heap, ring);
    for (let count = 0; count < 10; count += 1) heap.free(heap.alloc(16));
    const reader = new TraceReader(ring);
    expect(reader.read()).toHaveLength(8);
    expect(reader.lostCount).toBe(12);
  });
});
