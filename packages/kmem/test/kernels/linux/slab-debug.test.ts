import { expect, it } from "vitest";
import { type BugReport, DebugHeap } from "../../../src/debug/index.ts";
import {
  GFP_KERNEL,
  LogRing,
  linux,
  SLAB_DEBUG_FREE,
  SLAB_POISON,
  SLAB_RED_ZONE,
} from "../../../src/kernels/linux/linux.ts";
import { MIB } from "../../support/memories.ts";

const SIZE = 64;

/** What is found of two bugs in a cache of those flags: a write past an object, and one after its free. */
function found(debug: string, flags: number): string[] {
  const bugs: BugReport[] = [];
  const heap = DebugHeap.create({ sizeBytes: 4 * MIB, debug, report: (bug) => bugs.push(bug) });
  const { kmem_cache_create, kmem_cache_alloc, kmem_cache_free, kmem_cache_shrink } = linux(heap, new LogRing());
  const cache = kmem_cache_create("objects", SIZE, 0, flags, null, null);
  const bytes = new Uint8Array(heap.buffer);
  const object = kmem_cache_alloc(cache, GFP_KERNEL);
  bytes[object + SIZE] = 0;
  kmem_cache_free(cache, object);
  bytes[object + 3] = 0;
  kmem_cache_shrink(cache);
  return bugs.map((bug) => bug.bytes?.what ?? bug.reason);
}

it("the flags of kmem_cache_create for debugging are letters where the heap is debugged", () => {
  expect(found("-", 0)).toEqual([]);
  expect(found("-", SLAB_DEBUG_FREE)).toEqual([]);
  expect(found("-", SLAB_RED_ZONE)).toEqual(["Right Redzone"]);
  expect(found("-", SLAB_POISON)).toEqual(["Poison"]);
  expect(found("-", SLAB_RED_ZONE | SLAB_POISON)).toEqual(["Right Redzone", "Poison"]);
});

it("they come to those that the heap has for all caches", () => {
  expect(found("P", SLAB_RED_ZONE)).toEqual(["Right Redzone", "Poison"]);
  expect(found("-;Z,objects", SLAB_POISON)).toEqual(["Right Redzone", "Poison"]);
});
