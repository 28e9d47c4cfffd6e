import { describe, expect, it } from "vitest";
import { dumpHeap, Heap, heapStats, KmemError, loadDump } from "../../src/index.ts";
import {
  CallReader,
  type HeapRecording,
  type RecordOptions,
  recordHeap,
  TraceKind,
  traceText,
} from "../../src/trace/index.ts";
import { MEMORY_CASES } from "../support/memories.ts";
import { MIB } from "./support.ts";

/** Calls that a log publishes at a time; one of them is the time. */
const BATCH = 64;
const CAPACITY = 256;

function recorded(options: RecordOptions = { callCount: 2000 }): {
  readonly heap: Heap;
  readonly recording: HeapRecording;
} {
  const heap = Heap.create({ sizeBytes: MIB });
  return { heap, recording: recordHeap(heap, options)! };
}

/** Names of the calls, with the addresses and sizes that they have. */
function callsOf(heap: Heap, reader = new CallReader(heap)): (readonly [kind: number, ptr: number, bytes: number])[] {
  return reader.read({ isLast: true }).map(({ kind, ptr, bytesReq }) => [kind, ptr, bytesReq] as const);
}

describe("a heap that is recorded", () => {
  it("has every call of this thread's in its log, and is what it was afterwards", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const former = { ...heap };
    const recording = recordHeap(heap, { callCount: 2000 })!;
    const first = heap.alloc(100);
    const second = heap.calloc(3, 40);
    const moved = heap.realloc(first, 5000);
    const aligned = heap.alignedAlloc(256, 10);
    const tried = heap.tryAlloc(8);
    const none = heap.tryAlloc(2 ** 24);
    for (const address of [second, moved, aligned, tried, none]) heap.free(address);
    expect(() => heap.free(tried)).toThrow(KmemError);
    recording.stop();
    recording.stop();
    expect({ ...heap }).toEqual(former);
    heap.free(heap.alloc(1));
    expect(callsOf(heap)).toEqual([
      [TraceKind.KMALLOC, first, 100],
      [TraceKind.KMALLOC, second, 120],
      [TraceKind.KFREE, first, 0],
      [TraceKind.KMALLOC, moved, 5000],
      [TraceKind.KMALLOC, aligned, 10],
      [TraceKind.KMALLOC, tried, 8],
      [TraceKind.KMALLOC, 0, 2 ** 24],
      [TraceKind.KFREE, second, 0],
      [TraceKind.KFREE, moved, 0],
      [TraceKind.KFREE, aligned, 0],
      [TraceKind.KFREE, tried, 0],
      [TraceKind.KFREE, tried, 0],
    ]);
  });

  it("says what its events have: slot, times that do not go back, the block's bytes, and their numbers", () => {
    const { heap, recording } = recorded();
    for (const size of [0, 1, 100, 129, 32_768, 32_769, 100_000]) heap.alloc(size);
    recording.stop();
    const events = new CallReader(heap).read({ isLast: true });
    expect(events.map(({ bytesAlloc }) => bytesAlloc)).toEqual([16, 16, 112, 144, 32_768, 36_864, 102_400]);
    expect(events.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const [index, { slot, timeUs }] of events.entries()) {
      expect(slot).toBe(heap.slot);
      expect(timeUs).toBeGreaterThanOrEqual(events[index - 1]?.timeUs ?? 0);
    }
  });

  it("has the block of a realloc that fails as it was", () => {
    const { heap, recording } = recorded();
    const block = heap.alloc(100);
    expect(() => heap.realloc(block, 2 ** 24)).toThrow(KmemError);
    expect(() => heap.realloc(block + 16, 10)).toThrow(KmemError);
    heap.free(block);
    recording.stop();
    expect(callsOf(heap)).toEqual([
      [TraceKind.KMALLOC, block, 100],
      [TraceKind.KFREE, block, 0],
      [TraceKind.KMALLOC, block, heap.usableSize(heap.alloc(100))],
      [TraceKind.KFREE, block + 16, 0],
      [TraceKind.KFREE, block, 0],
    ]);
  });

  it("records caches that it makes and opens, by their names", () => {
    const { heap, recording } = recorded();
    const cache = heap.createCache({ name: "parts", sizeBytes: 48 });
    const object = cache.alloc();
    heap.openCache("parts").free(object);
    recording.stop();
    cache.free(cache.alloc());
    expect(callsOf(heap)).toHaveLength(2);
    const text = traceText(heap)!;
    expect(text).toMatch(/kmem_cache_alloc: .* name=parts bytes_req=48 bytes_alloc=48/);
    expect(text).toMatch(/kmem_cache_free: .* name=parts/);
  });

  it("records what a shrinker frees within a call, before the call", () => {
    const { heap, recording } = recorded();
    const kept: number[] = [];
    for (let block = heap.tryAlloc(50_000); block !== 0; block = heap.tryAlloc(50_000)) kept.push(block);
    const scan = (): number => {
      heap.free(kept.pop()!);
      return 1;
    };
    const first = kept.at(-1);
    heap.addShrinker({ name: "kept", count: () => kept.length, scan });
    const block = heap.alloc(50_000);
    recording.stop();
    const calls = callsOf(heap).map(([kind, ptr]) => [kind, ptr]);
    const freed = calls.findIndex(([kind]) => kind === TraceKind.KFREE);
    expect(calls[freed]).toEqual([TraceKind.KFREE, first]);
    expect(calls.at(-1)).toEqual([TraceKind.KMALLOC, block]);
  });

  it("ends a recording that goes on, and refuses what is no heap and no option", () => {
    const { heap } = recorded();
    const other = recordHeap(heap, { callCount: 1 })!;
    heap.free(heap.alloc(1));
    other.stop();
    expect(callsOf(heap)).toHaveLength(2);
    for (const [one, two] of [
      [{}, {}],
      [heap, { callCount: 0 }],
      [heap, { callCount: 2 ** 26 + 1 }],
      [heap, { callCount: "1" }],
      [heap, { calls: 1 }],
    ]) {
      expect(() => recordHeap(one as Heap, two as RecordOptions)).toThrow(KmemError);
    }
    expect(recordHeap(heap, { callCount: 2 ** 20 })).toBeUndefined();
  });

  it.each(MEMORY_CASES.map((memory) => [memory.name, memory] as const))(
    "goes on as the heap grows: %s",
    (_name, memory) => {
      const { heap } = memory.make();
      const recording = recordHeap(heap, { callCount: 4000 });
      if (recording === undefined) return;
      const live: number[] = [];
      for (let count = 0; count < 1000; count += 1) {
        const address = heap.tryAlloc(5000);
        if (address !== 0) live.push(address);
      }
      recording.stop();
      const made = callsOf(heap).filter(([kind, ptr]) => kind === TraceKind.KMALLOC && ptr !== 0);
      expect(made.map(([, ptr]) => ptr)).toEqual(live);
      expect(live.length).toBeGreaterThan(0);
    },
  );

  it("counts the calls that were overwritten before they were read, and shows those after them", () => {
    const { heap, recording } = recorded({ callCount: CAPACITY });
    const expected: (readonly [number, number, number])[] = [];
    for (let count = 0; count < 1000; count += 1) {
      const address = heap.alloc(16 + count);
      heap.free(address);
      expected.push([TraceKind.KMALLOC, address, 16 + count], [TraceKind.KFREE, address, 0]);
    }
    recording.stop();
    const reader = new CallReader(heap);
    const calls = callsOf(heap, reader);
    expect(calls.length).toBeGreaterThanOrEqual(CAPACITY - 2 * BATCH - CAPACITY / BATCH);
    expect(calls).toEqual(expected.slice(-calls.length));
    expect(reader.lostCount).toBe(expected.length - calls.length);
  });

  it("is read meanwhile: each call once, a batch after the other, and the rest when it is stopped", () => {
    const { heap, recording } = recorded();
    const reader = new CallReader(heap);
    const sizes: number[] = [];
    for (let size = 1; size <= 1000; size += 1) {
      heap.alloc(size);
      sizes.push(...reader.read().map(({ bytesReq }) => bytesReq));
      expect(size - sizes.length).toBeLessThan(BATCH);
    }
    recording.stop();
    sizes.push(...reader.read().map(({ bytesReq }) => bytesReq));
    expect(sizes).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    expect([reader.read(), reader.lostCount]).toEqual([[], 0]);
  });

  it("keeps its log in dumps, and gives the pages back when it is discarded", () => {
    const heap = Heap.create({ sizeBytes: MIB });
    const before = heapStats(heap).bytes;
    const recording = recordHeap(heap, { callCount: 2000 })!;
    const address = heap.alloc(100);
    heap.free(address);
    recording.stop();
    const copy = loadDump(dumpHeap(heap));
    expect(callsOf(copy)).toEqual(callsOf(heap));
    expect(traceText(copy)).toBe(traceText(heap));
    recording.discard();
    recording.discard();
    expect(traceText(heap)).toBeUndefined();
    heap.trim();
    expect(heapStats(heap).bytes).toEqual(before);
    expect(new CallReader(heap).read()).toEqual([]);
  });

  it("shows what its thread has not published to who says that there will be no more", () => {
    const { heap } = recorded();
    const reader = new CallReader(heap);
    for (let count = 0; count < 100; count += 1) heap.alloc(16 + count);
    const first = reader.read();
    const rest = reader.read({ isLast: true });
    expect([...first, ...rest].map(({ bytesReq }) => bytesReq - 16)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(rest.length).toBeGreaterThan(0);
    for (let count = 0; count < 100; count += 1) heap.alloc(1);
    expect([...reader.read(), ...reader.read({ isLast: true })]).toHaveLength(100);
    expect(reader.lostCount).toBe(0);
  });

  it("is not taken for another one that begins where it was", () => {
    const { heap, recording } = recorded();
    const reader = new CallReader(heap);
    for (let count = 0; count < 100; count += 1) heap.alloc(16);
    expect(reader.read({ isLast: true })).toHaveLength(100);
    recording.discard();
    expect(recordHeap(heap, { callCount: 2000 })!.address).toBe(recording.address);
    heap.alloc(16);
    expect([reader.read({ isLast: true }), reader.lostCount]).toEqual([[], 0]);
    expect(callsOf(heap)).toHaveLength(1);
  });

  it("passes over words that a stray write has hit", () => {
    const { heap, recording } = recorded({ callCount: CAPACITY });
    for (let count = 0; count < 10; count += 1) heap.alloc(16);
    recording.stop();
    const words = new Int32Array(heap.buffer);
    const firstCall = recording.address / 4 + 32;
    words[firstCall + 4 * 3 + 3] = 77;
    words[firstCall + 4 * 5 + 1] = 7;
    const reader = new CallReader(heap);
    expect([callsOf(heap, reader).length, reader.lostCount]).toEqual([8, 2]);
  });
});
