// What mykernel() binds to: a heap, or a buffer of any kind with or without one.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Heap, KmemError, OutOfMemoryError } from "../../../src/index.ts";
import { KMALLOC_KERNEL, LogRing, mykernel } from "../../../src/kernels/mykernel/mykernel.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";

const MIB = 1024 * 1024;

let log: LogRing;

beforeEach(() => {
  log = new LogRing();
});

describe("mykernel(memory, console)", () => {
  it.each([
    ["SharedArrayBuffer", () => new SharedArrayBuffer(MIB)],
    ["ArrayBuffer", () => new ArrayBuffer(MIB)],
    ["WebAssembly.Memory", () => new WebAssembly.Memory({ initial: 16, maximum: 64 })],
  ])("makes a heap in a %s, and finds it there the next time", (_name, make) => {
    const source = make();
    const first = mykernel(source, log);
    const ptr = first.kmalloc(100, KMALLOC_KERNEL);
    const second = mykernel(source, log);
    expect([...second.blocks()]).toEqual([{ address: ptr, usableBytes: 128, flags: KMALLOC_KERNEL }]);
    second.kfree(ptr);
    expect(first.stats().liveBlocks).toBe(0);
    expect(first.check().findings).toEqual([]);
  });

  it.each([true, false])("lets a growing memory grow, shared %s", (shared) => {
    const growing = mykernel(Heap.create({ sizeBytes: MIB, maximumBytes: 16 * MIB, shared }), log);
    const pointers = Array.from({ length: 40 }, () => growing.kmalloc(100_000, 0));
    expect(pointers.every((ptr) => ptr > 0)).toBe(true);
    expect(growing.heap.buffer.byteLength).toBeGreaterThan(4 * MIB);
    for (const [seed, ptr] of pointers.entries()) fillPattern(new Uint8Array(growing.heap.buffer), ptr, ptr + 50, seed);
    growing.heap.free(growing.heap.alloc(10));
    for (const ptr of pointers) growing.kfree(ptr);
    expect(growing.check().findings).toEqual([]);
    expect(log.messages()).toEqual([]);
  });

  it.each([true, false])("goes on when the heap has grown without it, shared %s", (shared) => {
    const heap = Heap.create({ sizeBytes: MIB, maximumBytes: 32 * MIB, shared });
    const kernel = mykernel(heap, log);
    const ptr = kernel.kmalloc(100, KMALLOC_KERNEL);
    const calls = [
      () => kernel.kmalloc(100, KMALLOC_KERNEL) !== 0,
      () => kernel.ksize(ptr) === 128,
      () => kernel.krealloc(ptr, 120, KMALLOC_KERNEL) === ptr,
      () => kernel.kmalloc_dma(10) !== 0,
      () => kernel.stats().buckets === 1,
      () => [...kernel.blocks()].length === 2,
      () => kernel.check().isClean,
      () => kernel.kfree(ptr) === undefined && kernel.stats().liveBlocks === 1,
    ];
    for (const call of calls) {
      const before = heap.buffer.byteLength;
      while (heap.buffer.byteLength === before) heap.alloc(MIB);
      expect(call()).toBe(true);
    }
    expect(log.messages()).toEqual([]);
  });

  it("clears blocks on memory that is not shared and wherever the heap starts", () => {
    const memory = new ArrayBuffer(2 * MIB);
    new Uint8Array(memory).fill(0xff);
    const placed = mykernel(Heap.create({ memory, start: 70_001 }), log);
    for (const size of [1, 8, 9, 300, 5000, 200_000]) {
      const ptr = placed.kcalloc(1, size, 0);
      expect(new Uint8Array(memory, ptr, size).every((byte) => byte === 0)).toBe(true);
    }
    expect(placed.check().findings).toEqual([]);
  });

  it("throws OUT_OF_MEMORY when not a page is left for the buckets' own", () => {
    const full = Heap.create({ sizeBytes: MIB });
    while (full.pages.tryAlloc(1, { reserve: true }) !== 0);
    expect(() => mykernel(full, log)).toThrow(OutOfMemoryError);
    expect(() => mykernel(new ArrayBuffer(100), log)).toThrow(KmemError);
  });

  it("prints to console.error unless told otherwise", () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
    mykernel(Heap.create({ sizeBytes: MIB })).kmalloc(-1, 0);
    expect(printed.mock.calls).toEqual([["kmalloc: not a size: -1"]]);
    printed.mockRestore();
  });

  it("shares pages with the heap: neither hands out what the other holds", () => {
    const heap = Heap.create({ sizeBytes: 2 * MIB });
    const bytes = new Uint8Array(heap.buffer);
    const kernel = mykernel(heap, log);
    const held: { address: number; size: number; isKernel: boolean }[] = [];
    for (let step = 0; step < 600; step++) {
      const size = 1 + ((step * 7919) % 5000);
      const isKernel = step % 2 === 0;
      const address = isKernel ? kernel.kmalloc(size, 0) : heap.tryAlloc(size);
      if (address === 0) continue;
      fillPattern(bytes, address, address + size, step);
      held.push({ address, size: step, isKernel });
    }
    expect(held.length).toBeGreaterThan(300);
    for (const { address, size: step, isKernel } of held) {
      expect(patternFault(bytes, address, address + 1 + ((step * 7919) % 5000), step)).toBe(-1);
      if (isKernel) kernel.kfree(address);
      else heap.free(address);
    }
    expect(kernel.check().findings).toEqual([]);
    expect(kernel.stats().buckets).toBe(0);
  });
});
