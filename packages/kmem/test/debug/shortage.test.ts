import { expect, it } from "vitest";
import { DebugHeap } from "../../src/debug/index.ts";
import { slotStats } from "../../src/index.ts";
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
