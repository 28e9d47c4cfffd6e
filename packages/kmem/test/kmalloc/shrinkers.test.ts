import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { Heap } from "../../src/index.ts";
import { Shrinkers } from "../../src/kmalloc/shrinkers.ts";
import { UserCalls } from "../../src/memory/user-calls.ts";
import { expectClean, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** A heap full of blocks that a cache of the user's would part with. */
function fullHeap(): { heap: Heap; cached: number[] } {
  const heap = Heap.create({ sizeBytes: MIB });
  const cached: number[] = [];
  for (let block = heap.tryAlloc(1000); block !== 0; block = heap.tryAlloc(1000)) cached.push(block);
  return { heap, cached };
}

describe("shrinkers", () => {
  it("are asked in batches of 128 until they have no more, and count what they freed", () => {
    const shrinkers = new Shrinkers(new UserCalls(layersOf(Heap.create()).memory));
    const asked: number[] = [];
    let left = 300;
    const scan = (objects: number): number => {
      asked.push(objects);
      left -= objects;
      return objects;
    };
    shrinkers.add({ name: "many", count: () => left, scan });
    expect(shrinkers.shrink()).toBe(300);
    expect(asked).toEqual([128, 128, 44]);
    expect(shrinkers.shrink()).toBe(0);
  });

  it("end their round with a scan that frees nothing, and are taken away again", () => {
    const shrinkers = new Shrinkers(new UserCalls(layersOf(Heap.create()).memory));
    let scans = 0;
    const remove = shrinkers.add({ name: "stuck", count: () => 10, scan: () => -++scans });
    expect(shrinkers.shrink()).toBe(0);
    expect(scans).toBe(1);
    remove();
    expect(shrinkers.shrink()).toBe(0);
    expect(scans).toBe(1);
  });

  it("serve an alloc that would else run out of memory", () => {
    const { heap, cached } = fullHeap();
    const before = cached.length;
    heap.addShrinker({
      name: "blocks",
      count: () => cached.length,
      scan: (objects) => {
        for (const block of cached.splice(-objects)) heap.free(block);
        return objects;
      },
    });
    expect(heap.tryAlloc(5000)).toBe(0);
    expect(cached.length).toBe(before);
    expect(heap.alloc(5000)).toBeGreaterThan(0);
    expect(cached.length).toBeLessThan(before);
    expectClean(heap);
  });

  it("serve large blocks and pages too", () => {
    for (const take of [(heap: Heap) => heap.alloc(100_000), (heap: Heap) => heap.pages.alloc(30)]) {
      const { heap, cached } = fullHeap();
      heap.addShrinker({
        name: "blocks",
        count: () => cached.length,
        scan: (objects) => {
          for (const block of cached.splice(-objects)) heap.free(block);
          return objects;
        },
      });
      expect(take(heap)).toBeGreaterThan(0);
      expectClean(heap);
    }
  });

  it("may allocate themselves: they are not asked again within", () => {
    const { heap, cached } = fullHeap();
    let depth = 0;
    heap.addShrinker({
      name: "greedy",
      count: () => 1,
      scan: () => {
        depth++;
        expect(thrownBy(() => heap.alloc(3000)).code).toBe("OUT_OF_MEMORY");
        heap.free(cached.pop() as number);
        return 0;
      },
    });
    expect(thrownBy(() => heap.alloc(100_000)).code).toBe("OUT_OF_MEMORY");
    expect(depth).toBe(1);
    expectClean(heap);
  });

  it("that register themselves again are asked once a round", () => {
    const { heap } = fullHeap();
    let asked = 0;
    const shrinker = {
      name: "again",
      count: () => 1,
      scan: () => {
        asked++;
        remove();
        remove = heap.addShrinker(shrinker);
        return 0;
      },
    };
    let remove = heap.addShrinker(shrinker);
    expect(thrownBy(() => heap.alloc(1000)).code).toBe("OUT_OF_MEMORY");
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(10);
  });
});
