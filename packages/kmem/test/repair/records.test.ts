import { expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { checkHeap, Heap, repairHeap } from "../../src/index.ts";
import { CacheRecord } from "../../src/layout.ts";
import { MIB } from "../support/memories.ts";

it.each([
  [100, 16, 0x0000_1234],
  [5000, 4096, 0x0000_0fff],
  [4097, 4096, 0x0000_1001],
  [1, 4096, 0x0000_0abc],
  [700, 256, -1],
])("the size of objects of %i bytes, aligned to %i, is found again by the checksum", (sizeBytes, align, damage) => {
  const heap = Heap.create({ sizeBytes: 8 * MIB });
  const cache = heap.createCache({ name: "aligned", sizeBytes, alignmentBytes: align });
  const object = cache.alloc();
  const { caches, memory } = layersOf(heap);
  const kind = [...caches.kinds()].find((one) => caches.name(one) === "aligned")!;
  const word = caches.record(kind) + CacheRecord.OBJECT_BYTES;
  const before = memory.words[word];
  memory.words[word] = before ^ damage;
  expect(checkHeap(heap).isClean).toBe(false);
  const { steps, isRepaired } = repairHeap(heap);
  expect([isRepaired, steps.filter(({ isLoss }) => isLoss)]).toEqual([true, []]);
  expect(memory.words[word]).toBe(before);
  cache.free(object);
});
