import { expect } from "vitest";
import { layersOf } from "../../../src/heap/access.ts";
import { Heap, type HeapOptions } from "../../../src/index.ts";
import { type CacheFunction, type Linux, LogRing, linux } from "../../../src/kernels/linux/linux.ts";
import { NO_FRAME, RunKind } from "../../../src/pages/layout.ts";
import { firstDifference } from "../../support/expectations.ts";

export const MIB: number = 1024 * 1024;
export const PAGE = 4096;

/** A kernel over a new heap, and what it prints. */
export class TestKernel {
  readonly log: LogRing = new LogRing();
  readonly heap: Heap;
  readonly calls: Linux;

  constructor(options: HeapOptions = { sizeBytes: 8 * MIB }) {
    this.heap = Heap.create(options);
    this.calls = linux(this.heap, this.log);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.heap.buffer);
  }

  get freePages(): number {
    return this.heap.pages.stats().reduce((sum, zone) => sum + zone.freePages, 0);
  }

  /** What was printed since the last time this was asked. */
  printed(): string[] {
    const messages = this.log.messages();
    this.log.clear();
    return messages;
  }

  expectClean(): void {
    expect(this.calls.check().findings).toEqual([]);
  }

  /** Asserts that a call returns this, prints these lines and leaves every byte as it was. */
  expectRefusal(call: () => unknown, result: unknown, ...messages: string[]): void {
    this.log.clear();
    const before = this.bytes.slice();
    expect(call()).toBe(result);
    expect(this.printed()).toEqual(messages);
    expect(firstDifference(before, this.bytes)).toBe(-1);
  }

  /** A cache without flags, functions or an offset of its own. */
  cache(name: string, size: number, ctor: CacheFunction | null = null, dtor: CacheFunction | null = null): number {
    return this.calls.kmem_cache_create(name, size, 0, 0, ctor, dtor);
  }

  /** Takes pages one by one until none are free, or none but the reserve; reclaims no slab. Gives their addresses. */
  takeAllPages(reserve = false): number[] {
    const allocator = layersOf(this.heap).pages;
    const pages: number[] = [];
    const take = (): number => allocator.allocate(1, RunKind.PAGES, { mayUseReserve: reserve });
    do {
      for (let frame = take(); frame !== NO_FRAME; frame = take()) pages.push(frame * PAGE);
    } while (allocator.drainCache() > 0);
    return pages;
  }
}

/**
 * The heap as another thread has it: with a slot of its own. A clone of its memory is another object to this thread, so
 * that it does not share what the thread has of the first.
 */
export function asOtherThread(heap: Heap): Heap {
  return Heap.attach(heap.reserve());
}

/** %p of a 32-bit kernel. */
export function p(address: number): string {
  return address.toString(16).padStart(8, "0");
}
