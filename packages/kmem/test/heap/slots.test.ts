import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import {
  blockAt,
  checkHeap,
  Heap,
  heapStats,
  KmemError,
  LAYOUT_VERSION,
  OutOfMemoryError,
  slotStats,
} from "../../src/index.ts";
import { AreaWord, Header, isCached, NO_FRAME, PAGE_SIZE, RunKind, Tag } from "../../src/layout.ts";
import { expectBytesAddUp, expectClean, expectRefusal, thrownBy } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";
import { Peek } from "../support/peek.ts";

let heap: Heap;

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 4 * MIB });
});

/** Attaches as another thread would: with a slot that is reserved for it. */
function attachAnother(to: Heap = heap): Heap {
  return Heap.attach(to.reserve());
}

describe("attach", () => {
  it("takes the free slot of the lowest number", () => {
    const others = [attachAnother(), attachAnother()];
    expect([heap.slot, ...others.map(({ slot }) => slot)]).toEqual([0, 1, 2]);
    expect(heapStats(heap).heldSlots).toBe(3);
    others[0]?.detach();
    expect(attachAnother().slot).toBe(1);
    expectClean(heap);
  });

  it("joins the slot that the thread has of the same memory", () => {
    const second = Heap.attach(heap.source);
    expect(second.slot).toBe(heap.slot);
    expect(heapStats(heap).heldSlots).toBe(1);
    second.detach();
    expect(heapStats(heap).heldSlots).toBe(1);
    heap.free(heap.alloc(100));
    expectClean(heap);
  });

  it("refuses when every slot is held, and changes nothing", () => {
    heap = Heap.create({ sizeBytes: MIB, slotCount: 2 });
    attachAnother();
    const before = slotStats(heap);
    const error = thrownBy(() => attachAnother());
    expect(error).toMatchObject({ code: "NO_SLOT", details: { slotCount: 2 } });
    expect(error.message).toContain("2 threads work on this heap; the heap's slotCount is the limit");
    expect(slotStats(heap)).toEqual(before);
  });

  it("refuses without pages for the slot, and takes none", () => {
    heap.pages.alloc(1);
    while (heap.tryAlloc(PAGE_SIZE) !== 0);
    expect(thrownBy(() => attachAnother())).toBeInstanceOf(OutOfMemoryError);
    expect(slotStats(heap).map(({ state }) => state)).toEqual(["held", "reserved"]);
    expectClean(heap);
  });

  it("takes the pages of slabs that are empty", () => {
    const other = attachAnother();
    const blocks: number[] = [];
    for (let block = other.tryAlloc(1024); block !== 0; block = other.tryAlloc(1024)) blocks.push(block);
    for (const block of blocks) other.free(block);
    other.detach();
    // Below the calls of a heap, which would take those pages themselves.
    while (layersOf(heap).pages.allocate(1, RunKind.PAGES) !== NO_FRAME);
    expect(heapStats(heap).caches.find(({ blockBytes }) => blockBytes === 1024)?.liveBlocks).toBe(0);
    expect(attachAnother().slot).toBe(other.slot);
    expect(heapStats(heap).bytes.freePageBytes).toBeGreaterThan(0);
    expectClean(heap);
  });

  it("refuses without pages for the slot that was reserved, which may be tried again", () => {
    heap = Heap.create({ sizeBytes: MIB });
    const handle = heap.reserve();
    const held: number[] = [];
    for (let block = heap.tryAlloc(PAGE_SIZE); block !== 0; block = heap.tryAlloc(PAGE_SIZE)) held.push(block);
    for (let tries = 0; tries < 2; tries++) {
      expect(thrownBy(() => Heap.attach(handle))).toBeInstanceOf(OutOfMemoryError);
      expect(slotStats(heap).map(({ state }) => state)).toEqual(["held", "reserved"]);
    }
    for (const block of held) heap.free(block);
    heap.trim();
    const other = Heap.attach(handle);
    expect(other.slot).toBe(handle.place?.slot);
    other.detach();
    expectClean(heap);
  });

  it("takes a handle, and refuses one of another layout or without a memory", () => {
    const { handle } = heap;
    const id = expect.any(Number);
    expect(handle).toEqual({ kind: "kmem heap", layoutVersion: LAYOUT_VERSION, memory: heap.source, start: 0, id });
    const foreign = { ...handle, layoutVersion: LAYOUT_VERSION + 1 };
    expect(thrownBy(() => Heap.attach(foreign)).code).toBe("WRONG_VERSION");
    const empty = { ...handle, memory: null } as unknown as typeof handle;
    expect(thrownBy(() => Heap.attach(empty)).code).toBe("BAD_ARGUMENT");
  });

  it("takes a handle of a heap that begins inside its memory", () => {
    const inner = Heap.create({ memory: new SharedArrayBuffer(2 * MIB), start: 100_000 });
    const block = inner.alloc(100);
    const other = attachAnother(inner);
    other.free(block);
    expect(heapStats(inner).liveBlocks).toBe(0);
  });
});

describe("detach", () => {
  it("gives back all that the slot held, so that the heap is as it was", () => {
    const before = heapStats(heap);
    const other = attachAnother();
    const cache = other.createCache({ name: "objects", sizeBytes: 48 });
    const blocks = Array.from({ length: 3000 }, (_, index) => other.alloc(16 + (index % 2000)));
    const objects = Array.from({ length: 100 }, () => cache.alloc());
    const pages = Array.from({ length: 20 }, () => other.pages.alloc(2));
    for (const block of blocks) other.free(block);
    for (const object of objects) cache.free(object);
    for (const page of pages) other.pages.free(page, 2);
    cache.destroy();
    other.detach();
    heap.trim();
    expectClean(heap);
    const after = heapStats(heap);
    expect(after.bytes).toEqual(before.bytes);
    expect(after.zones).toEqual(before.zones);
    expect(after.heldSlots).toBe(1);
  });

  it("leaves the slot's live blocks, which others free", () => {
    const other = attachAnother();
    const blocks = [other.alloc(100), other.alloc(100_000)];
    other.detach();
    expect(blocks.map((block) => blockAt(heap, block))).toMatchObject([
      { live: true, slot: 1 },
      { live: true, slot: 1 },
    ]);
    for (const block of blocks) heap.free(block);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
  });

  it("makes every later call throw DETACHED", () => {
    const other = attachAnother();
    const block = other.alloc(100);
    other.detach();
    const calls: (() => unknown)[] = [
      () => other.alloc(1),
      () => other.tryAlloc(1),
      () => other.free(block),
      () => other.realloc(block, 200),
      () => other.alignedAlloc(64, 64),
      () => other.pages.tryAlloc(1),
      () => other.createCache({ name: "late", sizeBytes: 10 }),
      () => other.trim(),
      () => checkHeap(other),
      () => heapStats(other),
      () => other.allocWait(10),
      () => other.addShrinker({ name: "late", count: () => 0, scan: () => 0 }),
      () => other.detach(),
    ];
    for (const call of calls) expectRefusal(heap, call, "DETACHED");
  });

  it("of the last slot leaves a heap without sheaves, which the next thread opens", () => {
    const { handle } = heap;
    const block = heap.alloc(100);
    heap.detach();
    const next = Heap.attach(handle);
    expect(next.slot).toBe(0);
    expect(heapStats(next).liveBlocks).toBe(1);
    next.free(block);
    expectClean(next);
    expectBytesAddUp(next);
  });
});

describe("trim", () => {
  it("gives the pages of the sheaves of named caches back, and the caches go on", () => {
    const before = heapStats(heap).bytes;
    const cache = heap.createCache({ name: "objects", sizeBytes: 48 });
    const objects = Array.from({ length: 100 }, () => cache.alloc());
    for (const object of objects) cache.free(object);
    heap.trim();
    expect(heapStats(heap).bytes).toEqual(before);
    cache.free(cache.alloc());
    expectClean(heap);
    cache.destroy();
    heap.trim();
    expect(heapStats(heap).bytes).toEqual(before);
  });
});

describe("the blocks of one slot", () => {
  it("are freed by any other, and carry the slot that allocated them", () => {
    const other = attachAnother();
    const blocks = Array.from({ length: 500 }, (_, index) => (index % 2 === 0 ? heap : other).alloc(index * 8));
    expect(blocks.map((block) => blockAt(heap, block)?.slot)).toEqual(blocks.map((_, index) => index % 2));
    for (const [index, block] of blocks.entries()) (index % 2 === 0 ? other : heap).free(block);
    expect(heapStats(heap).liveBlocks).toBe(0);
    expectClean(heap);
    expectClean(other);
    for (const block of blocks) expect(thrownBy(() => heap.free(block)).code).toMatch(/DOUBLE_FREE|INVALID_FREE/);
  });

  it("go round through the barn, and no block is in two places", () => {
    const other = attachAnother();
    const blocks = new Set<number>();
    for (let round = 0; round < 20; round++) {
      const batch = Array.from({ length: 400 }, () => heap.alloc(64));
      for (const block of batch) blocks.add(block);
      expect(heapStats(heap).liveBlocks).toBe(400);
      for (const block of batch) other.free(block);
      expectClean(heap);
    }
    const { barnBlocks = 0 } = heapStats(heap).caches.find(({ blockBytes }) => blockBytes === 64) ?? {};
    expect(barnBlocks).toBeGreaterThan(0);
    // What one thread frees the other one gets again: 8,000 blocks fit into few places.
    expect(blocks.size).toBeLessThan(1600);
    expectBytesAddUp(heap);
  });
});

describe("a block that two threads freed at the same moment", () => {
  /** Both have read the live tag; the one whose store came last has the block, the other one a stale entry. */
  function freeTwiceAtOnce(sizeBytes: number): { block: number; loser: Heap; winner: Heap } {
    const winner = attachAnother();
    const block = heap.alloc(sizeBytes);
    const peek = new Peek(heap);
    heap.free(block);
    peek.bytes[peek.tagByte(block)] = 1;
    winner.free(block);
    expect(peek.tag(block)).toBe(Tag.FIRST_CACHED + winner.slot);
    return { block, loser: heap, winner };
  }

  it("is handed out once: the stale entry is dropped when it comes up", () => {
    const { block, loser, winner } = freeTwiceAtOnce(1000);
    expectClean(heap);
    const got = Array.from({ length: 50 }, () => [loser.alloc(1000), winner.alloc(1000)]).flat();
    expect(got.filter((address) => address === block).length).toBe(1);
    expect(new Set(got).size).toBe(got.length);
    expect(heapStats(heap).lateDoubleFrees).toBe(1);
    expectClean(heap);
  });

  it("returns to its slab once: the stale entry is dropped when sheaves are emptied", () => {
    const { loser, winner } = freeTwiceAtOnce(1000);
    loser.trim();
    expect(heapStats(heap).lateDoubleFrees).toBe(1);
    winner.trim();
    expect(heapStats(heap).lateDoubleFrees).toBe(1);
    expectClean(heap);
  });

  it("is not returned to the slab of another cache that has its page by now", () => {
    const { block, loser, winner } = freeTwiceAtOnce(1000);
    // The stale entry stays, alone, while the page becomes a slab of another class.
    const kept = Array.from({ length: 3 }, () => loser.alloc(1000));
    winner.trim();
    for (const address of kept) winner.free(address);
    winner.trim();
    loser.trim();
    expect(heapStats(heap).lateDoubleFrees).toBe(1);
    expect(blockAt(heap, block)?.live ?? false).toBe(false);
    expectClean(heap);
  });

  it("leaves an entry that check() lets be, wherever the block has gone in the meantime", () => {
    const { block, winner } = freeTwiceAtOnce(20_000);
    // Back in its slab, released with it, and its page a run of pages of somebody's.
    winner.trim();
    expectClean(heap);
    const pages = Array.from({ length: 64 }, () => winner.pages.alloc(1));
    expect(pages).toContain(block);
    expectClean(heap);
  });

  it("is refused at once with exactFrees", () => {
    heap = Heap.create({ sizeBytes: 4 * MIB, exactFrees: true });
    const peek = new Peek(heap);
    expect(peek.header(Header.FLAGS)).toBe(1);
    const other = attachAnother();
    const blocks = Array.from({ length: 300 }, () => heap.alloc(100));
    for (const block of blocks) other.free(block);
    for (const block of blocks) expect(thrownBy(() => heap.free(block)).code).toMatch(/DOUBLE_FREE|INVALID_FREE/);
    expect(heapStats(heap).lateDoubleFrees).toBe(0);
    expectClean(heap);
  });
});

describe("pcp lists", () => {
  const cached = (): number => heapStats(heap).bytes.pcpBytes;

  it("hold pages while several threads work, and none while one does", () => {
    heap.pages.free(heap.pages.alloc(1), 1);
    expect(cached()).toBe(0);
    const other = attachAnother();
    const page = other.pages.alloc(1);
    expect(cached()).toBeGreaterThan(0);
    other.pages.free(page, 1);
    expectClean(heap);
    expectBytesAddUp(heap);
    expect(thrownBy(() => heap.pages.free(page, 1)).message).toContain("is already free, or just being freed");
    other.trim();
    expect(cached()).toBe(0);
  });

  it("serve requests for aligned pages with aligned ones only", () => {
    const other = attachAnother();
    const pages: number[] = [];
    const take = (): number => heap.pages.tryAlloc(1, { reserve: true });
    for (let page = take(); page !== 0; page = take()) pages.push(page);
    // Pairs of free pages that begin at odd pages, and nothing else.
    for (const page of pages) if ([1, 2].includes((page / PAGE_SIZE) % 4)) heap.pages.free(page, 1);
    heap.trim();
    other.trim();
    expect((heap.pages.alloc(2) / PAGE_SIZE) % 2).toBe(1);
    expect(heap.pages.tryAlloc(2, { alignmentBytes: 2 * PAGE_SIZE })).toBe(0);
    expect(thrownBy(() => other.alignedAlloc(2 * PAGE_SIZE, 2 * PAGE_SIZE)).code).toBe("OUT_OF_MEMORY");
    expectClean(heap);
  });

  it("are free pages to whoever asks what lies there", () => {
    const other = attachAnother();
    const block = other.alignedAlloc(PAGE_SIZE, 2 * PAGE_SIZE);
    const run = other.alignedAlloc(2 * PAGE_SIZE, 2 * PAGE_SIZE);
    other.free(run);
    other.free(block);
    expect(thrownBy(() => other.free(run)).code).toBe("DOUBLE_FREE");
    expect(blockAt(heap, run)).toBeUndefined();
  });

  it("do not take parts of other runs", () => {
    const other = attachAnother();
    const run = other.pages.alloc(7);
    other.pages.free(run + 2 * PAGE_SIZE, 1);
    other.pages.free(run, 2);
    other.pages.free(run + 3 * PAGE_SIZE, 4);
    expectClean(heap);
    other.trim();
    expect(heapStats(heap).bytes.pageRunBytes).toBe(0);
    expectClean(heap);
  });
});

describe("check finds", () => {
  it("a sheaf of another slot that is damaged, and a barn", () => {
    const other = attachAnother();
    for (const block of Array.from({ length: 600 }, () => heap.alloc(64))) other.free(block);
    const peek = new Peek(heap);
    const kind = peek.kindAt(heap.alloc(64));
    const { words } = layersOf(heap).memory;
    const topWord = layersOf(heap).sheaves.areaWord + AreaWord.TOPS + kind;
    words[topWord] -= 1;
    expect(checkHeap(heap).findings).toMatchObject([
      { problem: "a free block is in no slab and not where its tag says" },
    ]);
    words[topWord] += 1;
    const outWord = layersOf(other).sheaves.areaWord + AreaWord.REMOTE_TOPS + kind;
    words[outWord] -= 1;
    expect(checkHeap(heap).findings[0]?.problem).toBe("the remote sheaf of kmalloc-64 is damaged");
    words[outWord] += 1;
    expectClean(heap);
    const barn = layersOf(heap).caches.get(kind, 24);
    expect(words[barn]).toBeGreaterThan(0);
    words[barn] -= 1;
    expect(checkHeap(heap).findings).toMatchObject([
      { problem: "a free block is in no slab and not where its tag says" },
    ]);
    words[barn] = -1;
    expect(checkHeap(heap).findings[0]?.problem).toContain("the barn of kmalloc-64 holds -1 blocks");
  });

  it("a lock that is held, a run on no pcp list, and a wrong count of slots", () => {
    const other = attachAnother();
    other.pages.free(other.pages.alloc(1), 1);
    const peek = new Peek(heap);
    const { words } = layersOf(heap).memory;
    words[peek.headerWord(Header.PAGES_LOCK)] = 2;
    expect(checkHeap(heap).findings).toMatchObject([{ layer: "kmalloc", problem: "slot 1 holds a lock" }]);
    words[peek.headerWord(Header.PAGES_LOCK)] = 0;
    words[peek.headerWord(Header.TAKEN_SLOTS)] ^= 4;
    expect(checkHeap(heap).findings).toMatchObject([{ problem: "whether slot 2 is held is said in two ways" }]);
    words[peek.headerWord(Header.TAKEN_SLOTS)] ^= 4;
    words[layersOf(other).sheaves.pcpWord]--;
    const problems = checkHeap(heap).findings.map(({ problem }) => problem);
    expect(problems).toEqual(["a run that is nobody's is on no pcp list"]);
    words[layersOf(other).sheaves.pcpWord]++;
    expectClean(heap);
  });
});

describe("the tags", () => {
  it("tell live blocks from those in sheaves, for every slot", () => {
    for (let slot = 0; slot < 126; slot++) {
      expect(isCached(slot + 1)).toBe(false);
      expect(isCached(Tag.FIRST_CACHED + slot)).toBe(true);
    }
    expect([Tag.NONE, Tag.IN_BARN, Tag.RESERVED, Tag.IN_SLAB].map(isCached)).toEqual([false, false, false, false]);
    expect(RunKind.CACHED).toBe(14);
    expect(new KmemError("NO_SLOT", "text").code).toBe("NO_SLOT");
  });
});
