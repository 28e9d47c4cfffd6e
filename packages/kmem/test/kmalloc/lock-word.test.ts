import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { checkDump, checkHeap, dumpHeap, Heap, loadDump, reapSlot, repairDump, slotStats } from "../../src/index.ts";
import { lockWords } from "../../src/kmalloc/check-state.ts";
import { Header, LockBits } from "../../src/layout.ts";
import { lockOwner } from "../../src/sync/lock.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

/** Words of a lock that name no slot that there is, or none that anybody holds. */
const VALUES: readonly number[] = [
  65,
  126,
  127,
  255,
  256,
  128,
  -1,
  -0x8000_0000,
  0x7fff_ffff,
  lockOwner(5, 0),
  lockOwner(5, 9),
  lockOwner(0, 7),
  lockOwner(125, 1) | LockBits.WAITED,
];
const FIELDS = [
  Header.PAGES_LOCK,
  Header.TABLE_LOCK,
  Header.SHEAVES_LOCK,
  Header.BUCKET_LOCK,
  Header.VMALLOC_LOCK,
  Header.REAP_LOCK,
] as const;

function smallHeap(): Heap {
  const heap = Heap.create({ sizeBytes: MIB });
  for (let index = 0; index < 300; index++) heap.alloc(16 + index);
  return heap;
}

/** Takes every lock of a heap, by what users call. */
function use(heap: Heap): void {
  heap.free(heap.alloc(40_000));
  const cache = heap.createCache({ name: "objects", sizeBytes: 48 });
  cache.free(cache.alloc());
  cache.destroy();
  heap.trim();
  layersOf(heap).sync.waiters.enter();
  heap.allocWait(100);
  const other = Heap.attach(heap.reserve());
  other.detach();
  layersOf(heap).slots.markDead(other.slot, layersOf(heap).slots.generation(other.slot));
}

describe.each(FIELDS.map((field) => [field]))("the lock at word %d of the header", (field) => {
  it.each(VALUES)("that says %d is taken over by who attaches", (value) => {
    const buffer = new SharedArrayBuffer(MIB);
    new Uint8Array(buffer).set(new Uint8Array(smallHeap().buffer));
    new Int32Array(buffer)[field] = value;
    use(Heap.attach(buffer));
  });

  it.each(VALUES)("that says %d is taken over in a heap at work", (value) => {
    const heap = smallHeap();
    layersOf(heap).memory.words[field] = value;
    expect(checkHeap(heap).isClean).toBe(false);
    use(heap);
  });

  // In a dump also those who held their slots are gone.
  it.each([...VALUES, lockOwner(0, 1), lockOwner(1, 1)])(
    "that says %d is free in a heap that is loaded, or repaired",
    (value) => {
      const heap = smallHeap();
      Heap.attach(heap.reserve()).alloc(100);
      layersOf(heap).memory.words[field] = value;
      const dump = dumpHeap(heap);
      layersOf(heap).memory.words[field] = 0;
      expect(checkDump(dump).isClean).toBe(false);
      const loaded = loadDump(dump);
      expect(checkHeap(loaded).findings).toEqual([]);
      use(loaded);
      const repaired = repairDump(dump);
      expect(repaired.isRepaired).toBe(true);
      use(loadDump(repaired.dump as Uint8Array));
    },
  );
});

describe("a heap that is loaded", () => {
  it("has one living thread, free locks, and nobody who waits", () => {
    const heap = smallHeap();
    const other = Heap.attach(heap.reserve());
    other.alloc(100);
    heap.reserve();
    const { words } = layersOf(heap).memory;
    layersOf(other).sync.waiters.enter();
    for (const word of lockWords(layersOf(heap))) words[word] = lockOwner(1, 1);
    const loaded = loadDump(dumpHeap(heap));
    for (const word of lockWords(layersOf(loaded))) expect(layersOf(loaded).memory.words[word]).toBe(0);
    expect(slotStats(loaded).map(({ state }) => state)).toEqual(["held", "dead", "dead"]);
    expect(layersOf(loaded).sync.waiters.hasWaiters).toBe(false);
    expect(checkHeap(loaded).findings).toEqual([]);
    // Nobody is there who could free anything.
    while (loaded.tryAlloc(4096) !== 0);
    expect(thrownBy(() => loaded.allocWait(300_000)).code).toBe("OUT_OF_MEMORY");
    expect(reapSlot(loaded, 1, { blocks: "free" })).toMatchObject({ isFreed: true, blocks: [{ usableBytes: 112 }] });
  });
});
