import { describe, expect, it } from "vitest";
import { DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { type Heap, slotStats } from "../../src/index.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { useTestClock } from "../support/test-clock.ts";

it("what lies in quarantine is memory for caches too, and for those who wait", () => {
  const heap = DebugHeap.create({ sizeBytes: 2 * MIB, quarantineBytes: MIB });
  const other = DebugHeap.attach(heap.reserve());
  const cache = heap.createCache({ name: "objects", sizeBytes: 2000 });
  const objects: number[] = [];
  for (let object = cache.tryAlloc(); object !== 0; object = cache.tryAlloc()) objects.push(object);
  for (const object of objects.splice(-40)) cache.free(object);
  for (let count = 0; count < 20; count++) objects.push(cache.alloc());
  const clock = useTestClock();
  heap.free(heap.allocWait(1000, { timeoutMs: 5000 }));
  expect(clock.sleeps).toBeLessThan(2);
  other.detach();
  for (const object of objects) cache.free(object);
  expectClean(heap);
});

it("a rejected attach takes no slot", () => {
  const heap = DebugHeap.create({ sizeBytes: MIB });
  const copy = heap.reserve();
  expect(thrownBy(() => DebugHeap.attach(copy, { faults: { interval: 0 } })).code).toBe("BAD_ARGUMENT");
  expect(slotStats(heap).map(({ state }) => state)).toEqual(["held", "reserved"]);
});

/** Fills a heap, frees blocks that its quarantine keeps, and counts what `take` gets then. */
function takenFromQuarantine(heap: Heap, take: () => number): number {
  const quarantined = Array.from({ length: 80 }, () => heap.alloc(1000));
  while (heap.tryAlloc(1000) !== 0 || take() !== 0);
  for (const block of quarantined) heap.free(block);
  let count = 0;
  while (take() !== 0) count++;
  return count;
}

describe.each([
  { name: "DebugHeap", create: (): Heap => DebugHeap.create({ sizeBytes: 2 * MIB, quarantineBytes: MIB }) },
  { name: "SampledHeap", create: (): Heap => SampledHeap.create({ sizeBytes: 2 * MIB, sampleEvery: 1 }) },
])("what lies in the quarantine of a $name", ({ create }) => {
  it.each([
    { name: "blocks", take: (heap: Heap) => heap.tryAlloc(1000) },
    { name: "runs", take: (heap: Heap) => heap.tryAlloc(5000) },
    { name: "pages", take: (heap: Heap) => heap.pages.tryAlloc(1) },
  ])("is memory for $name of who may not wait", ({ take }) => {
    const heap = create();
    expect(takenFromQuarantine(heap, () => take(heap))).toBeGreaterThan(5);
    expect(thrownBy(() => heap.alloc(5000)).code).toBe("OUT_OF_MEMORY");
    expectClean(heap);
  });
});
