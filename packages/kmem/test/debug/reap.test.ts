import { beforeEach, describe, expect, it } from "vitest";
import { type BugReport, DebugHeap, SampledHeap } from "../../src/debug/index.ts";
import { layersOf } from "../../src/heap/access.ts";
import type { Heap } from "../../src/index.ts";
import { blocksOf, checkHeap, heapStats, ownerOf, reapSlot, repairHeap, slotStats } from "../../src/index.ts";
import { LogRing, linux } from "../../src/kernels/linux/linux.ts";
import { BlockState, GENERATION_MAX, RecordWord, SlotRecord, SlotState } from "../../src/layout.ts";
import { stateWord } from "../../src/sync/state-word.ts";
import { expectClean } from "../support/expectations.ts";
import { MIB } from "../support/memories.ts";

const SIZE = 300;
const MODES = ["free", "give", "keep"] as const;
type Mode = (typeof MODES)[number];

/** A heap whose blocks lie in quarantine after their free, and other threads of it. */
interface World {
  readonly heap: Heap;
  readonly attach: () => Heap;
  /** Ends this thread's quarantine. */
  readonly release: (heap: Heap) => void;
  readonly free: (heap: Heap, address: number) => void;
}

let bugs: string[];

function report(bug: BugReport): void {
  bugs.push(bug.text());
}

const WORLDS: Record<string, () => World> = {
  debugged: () => {
    const heap = DebugHeap.create({ sizeBytes: 8 * MIB, report });
    const attach = (): Heap => DebugHeap.attach(heap.reserve(), { report });
    return { heap, attach, release: (one) => void one.trim(), free: (one, address) => one.free(address) };
  },
  "of a debugged cache": () => {
    const heap = DebugHeap.create({ sizeBytes: 8 * MIB, report });
    heap.createCache({ name: "objects", sizeBytes: 500 });
    const attach = (): Heap => DebugHeap.attach(heap.reserve(), { report });
    const free = (one: Heap, address: number): void => one.openCache("objects").free(address);
    return { heap: viaCache(heap), attach: () => viaCache(attach()), release: (one) => void one.trim(), free };
  },
  "larger than the size classes": () => {
    const heap = DebugHeap.create({ sizeBytes: 32 * MIB, report });
    const attach = (): Heap => viaSize(DebugHeap.attach(heap.reserve(), { report }));
    return {
      heap: viaSize(heap),
      attach,
      release: (one) => void one.trim(),
      free: (one, address) => one.free(address),
    };
  },
  sampled: () => {
    const options = { sampleEvery: 1, guardedCount: 400, report };
    const heap = SampledHeap.create({ sizeBytes: 8 * MIB, ...options });
    const attach = (): Heap => SampledHeap.attach(heap.reserve(), options);
    // A quarantine of guarded objects ends as others come: it holds half as many as there may be.
    const release = (one: Heap): void => {
      for (let count = 0; count < 250; count++) one.free(one.alloc(SIZE));
    };
    return { heap, attach, release, free: (one, address) => one.free(address) };
  },
};

function viaCache(heap: Heap): Heap {
  heap.alloc = () => heap.openCache("objects").alloc();
  return heap;
}

function viaSize(heap: DebugHeap): Heap {
  const { alloc } = heap;
  heap.alloc = (sizeBytes) => alloc(sizeBytes * 200);
  return heap;
}

/** Blocks of a size, so many that one that was given back would be among them. */
function many(heap: Heap, count = 60): number[] {
  return Array.from({ length: count }, () => heap.alloc(SIZE));
}

describe.each(Object.keys(WORLDS))("a thread that dies in a heap that is %s", (name) => {
  let world: World;
  let heap: Heap;

  beforeEach(() => {
    bugs = [];
    world = (WORLDS[name] as () => World)();
    heap = world.heap;
  });

  function die(dead: Heap, blocks: Mode): ReturnType<typeof reapSlot> {
    return reapSlot(heap, dead.slot, { blocks });
  }

  /** Nothing is left but what is live here, and nothing was reported. */
  function expectAllGone(): void {
    heap.trim();
    expect([...blocksOf(heap)]).toEqual([]);
    expect(bugs).toEqual([]);
    expectClean(heap);
  }

  it.each(MODES)("leaves what lies in the reaper's quarantine alone: %s", (mode) => {
    const other = world.attach();
    const block = other.alloc(SIZE);
    world.free(heap, block);
    const ended = die(other, mode);
    expect([ended.blocks, ended.isFreed]).toEqual([[], true]);
    const mine = many(heap);
    expect(mine).not.toContain(block);
    for (const address of mine) heap.u8(address).fill(0x41);
    world.release(heap);
    for (const address of mine) expect(heap.u8(address).every((byte) => byte === 0x41)).toBe(true);
    const again = many(heap);
    expect(new Set([...mine, ...again]).size).toBe(120);
    for (const address of [...mine, ...again]) world.free(heap, address);
    expectAllGone();
  });

  it.each(MODES)("leaves what a third thread has freed in that one's quarantine: %s", (mode) => {
    const [other, third] = [world.attach(), world.attach()];
    const block = other.alloc(SIZE);
    world.free(third, block);
    die(other, mode);
    const mine = many(heap);
    expect(mine).not.toContain(block);
    world.release(third);
    const again = many(third);
    expect(new Set([...mine, ...again]).size).toBe(120);
    for (const address of [...mine, ...again]) world.free(heap, address);
    third.detach();
    expectAllGone();
  });

  it.each(MODES)("gives back what lies in its own quarantine, whoever had allocated it: %s", (mode) => {
    const other = world.attach();
    const before = heapStats(heap).liveBlocks;
    const blocks = [...many(heap, 5), ...many(other, 5)];
    for (const address of blocks) world.free(other, address);
    const ended = die(other, mode);
    expect([ended.blocks, ended.isFreed]).toEqual([[], true]);
    expect(heapStats(heap).liveBlocks).toBe(before);
    expectAllGone();
  });

  it.each(MODES)("and the one that had freed its block dies as well, in either order: %s", (mode) => {
    for (const isFreerFirst of [false, true]) {
      const [other, third] = [world.attach(), world.attach()];
      const before = heapStats(heap).liveBlocks;
      world.free(third, other.alloc(SIZE));
      const [first, second] = isFreerFirst ? [third, other] : [other, third];
      expect(die(first, mode).isFreed).toBe(true);
      expect(die(second, mode).isFreed).toBe(true);
      expect(heapStats(heap).liveBlocks).toBe(before);
      expectAllGone();
    }
  });

  it("and whose slot is another's by now: that one's quarantine is its own", () => {
    const other = world.attach();
    const block = other.alloc(SIZE);
    world.free(heap, block);
    die(other, "free");
    const next = world.attach();
    expect(next.slot).toBe(other.slot);
    const nexts = next.alloc(SIZE);
    world.free(next, nexts);
    expect(die(next, "free").isFreed).toBe(true);
    const mine = many(heap);
    expect(mine).not.toContain(block);
    for (const address of mine) world.free(heap, address);
    expectAllGone();
  });

  it.each(MODES)("lists its live objects, and frees, gives or keeps those alone: %s", (mode) => {
    const other = world.attach();
    const [live, freed, freedByOther] = [other.alloc(SIZE), other.alloc(SIZE), other.alloc(SIZE)];
    world.free(other, freed);
    world.free(heap, freedByOther);
    const ended = die(other, mode);
    expect(ended.blocks).toMatchObject([{ address: live, live: true, slot: other.slot }]);
    expect(ended.blocks[0]?.usableBytes).toBe(other.slot < 0 ? 0 : ended.blocks[0]?.usableBytes);
    expect(ended.isFreed).toBe(mode !== "keep");
    expect([...blocksOf(heap)].map(({ address }) => address)).toEqual(mode === "free" ? [] : [live]);
    if (mode === "give") expect(ownerOf(heap, live)).toBe(heap.slot);
    if (mode === "give") world.free(heap, live);
    if (mode === "keep") expect(die(other, "free").isFreed).toBe(true);
    expectAllGone();
  });
});

describe("a thread that dies in the middle of a call", () => {
  let heap: DebugHeap;
  let words: Int32Array;

  beforeEach(() => {
    bugs = [];
    heap = DebugHeap.create({ sizeBytes: 8 * MIB, report });
    words = new Int32Array(heap.buffer);
  });

  /** Index of a word of the record of an object of 300 bytes: its block is one of 384. */
  function recordWord(object: number, word: number): number {
    return (object - 16 + 384 - 48) / 4 + word;
  }

  it.each(MODES)("of free has freed the object, whoever allocated it: %s", (mode) => {
    const [other, third] = [0, 1].map(() => DebugHeap.attach(heap.reserve(), { report }));
    const object = (other as DebugHeap).alloc(SIZE);
    words[recordWord(object, RecordWord.STATE)] = BlockState.RELEASING | (third as DebugHeap).slot;
    words[recordWord(object, RecordWord.FREE_TIME)] ^= 7;
    expectClean(heap);
    // Its thread may be at it still: nobody else ends that.
    expect(reapSlot(heap, (other as DebugHeap).slot, { blocks: mode })).toMatchObject({ blocks: [], isFreed: true });
    expect(many(heap)).not.toContain(object);
    expect(reapSlot(heap, (third as DebugHeap).slot, { blocks: mode })).toMatchObject({ blocks: [], isFreed: true });
    expect(many(heap)).toContain(object);
    expect([bugs, checkHeap(heap).findings]).toEqual([[], []]);
  });

  it("of realloc leaves the object to its owner, with the old size or the new", () => {
    const other = DebugHeap.attach(heap.reserve(), { report });
    const object = heap.alloc(SIZE);
    heap.u8(object).fill(7);
    words[recordWord(object, RecordWord.STATE)] = BlockState.RESIZING | other.slot;
    words[recordWord(object, RecordWord.SIZE)] = SIZE - 10;
    expect(reapSlot(heap, other.slot, { blocks: "free" })).toMatchObject({ blocks: [], isFreed: true });
    expect(heap.usableSize(object)).toBe(SIZE - 10);
    expect(heap.u8(object).every((byte) => byte === 7)).toBe(true);
    expectClean(heap);
    heap.free(object);
    expect(bugs).toEqual([]);
  });

  it("of realloc leaves an object that does not say where it is to whoever frees it, with a report", () => {
    const other = DebugHeap.attach(heap.reserve(), { report });
    const object = heap.alloc(SIZE);
    words[recordWord(object, RecordWord.STATE)] = BlockState.RESIZING | other.slot;
    words[recordWord(object, RecordWord.PAD)] = 1_000_000;
    reapSlot(heap, other.slot);
    expect(bugs).toEqual([]);
    heap.free(object);
    expect(bugs).toHaveLength(1);
    heap.trim();
    expectClean(heap);
  });

  it.each(MODES)("of alloc leaves no block that was not made an object yet: %s", (mode) => {
    const other = DebugHeap.attach(heap.reserve(), { report });
    const before = heapStats(heap).liveBlocks;
    const [small, large] = [other.alloc(SIZE), other.alloc(50_000)];
    words[recordWord(small, RecordWord.STATE)] = BlockState.CHANGING;
    // A run of pages has the bytes of whatever was there before it: red zones, as if by chance.
    const run = layersOf(heap).pages.frames.count(Math.floor(large / 4096)) * 4096;
    words.fill(0xbbbb_bbbb | 0, (large - 16) / 4, (large - 16 + run) / 4);
    expect(reapSlot(heap, other.slot, { blocks: mode })).toMatchObject({ blocks: [], isFreed: true });
    expect(heapStats(heap).liveBlocks).toBe(before);
    expect([bugs, checkHeap(heap).findings]).toEqual([[], []]);
  });

  it.each(MODES)("lists what Linux's face had made, as plain heaps do: %s", (mode) => {
    const other = DebugHeap.attach(heap.reserve(), { report });
    const calls = linux(other, new LogRing());
    const pool = calls.mempool_create_kmalloc_pool(3, 100);
    const area = calls.vmalloc(10_000);
    expect(pool * area).not.toBe(0);
    const ended = reapSlot(heap, other.slot, { blocks: mode });
    expect(ended.mempools).toMatchObject([{ address: pool, elementCount: 3 }]);
    expect(ended.areas).toMatchObject([{ address: area }]);
    if (mode === "give") for (const block of ended.blocks) heap.free(block.address);
    if (mode === "keep") reapSlot(heap, other.slot, { blocks: "free" });
    expect([...blocksOf(heap)]).toEqual([]);
    expect([bugs, checkHeap(heap).findings]).toEqual([[], []]);
  });

  it.each(MODES)("keeps a live object of a dead thread whose record is damaged: %s", (mode) => {
    const other = DebugHeap.attach(heap.reserve(), { report });
    const object = other.alloc(SIZE);
    words[recordWord(object, RecordWord.ALLOC_TIME)] ^= 1;
    const ended = reapSlot(heap, other.slot, { blocks: mode });
    expect(ended.blocks).toMatchObject([{ address: object, live: true, slot: other.slot }]);
    expect(many(heap).includes(object)).toBe(false);
    if (mode === "give") heap.free(object);
    if (mode === "keep") reapSlot(heap, other.slot, { blocks: "free" });
    heap.trim();
    expect(many(heap)).toContain(object);
    expect(bugs).toHaveLength(1);
  });
});

describe("the count of how often a slot was taken", () => {
  it.each([0x0fff_ffff, 0x1000_0000, GENERATION_MAX - 1])("is unsigned, and goes on from %i", (count) => {
    bugs = [];
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB, report });
    const { slots } = layersOf(heap);
    for (let slot = 1; slot < slots.count; slot++) {
      layersOf(heap).memory.words[slots.word(slot, SlotRecord.STATE)] = stateWord(count, SlotState.FREE);
    }
    const { place, ...rest } = heap.reserve();
    expect(place?.generation).toBe(count + 1);
    const other = DebugHeap.attach(structuredClone({ ...rest, ...(place && { place }) }), { report });
    const blocks = many(other, 10);
    expectClean(heap);
    expect(slotStats(heap).map(({ generation }) => generation)).toEqual([1, count + 1]);
    expect(repairHeap(heap)).toMatchObject({ findings: [], steps: [], isRepaired: true });
    expect(many(other, 10)).toHaveLength(10);
    for (const block of blocks) heap.free(block);
    expect(reapSlot(heap, other.slot, { blocks: "free", generation: count + 1 }).isFreed).toBe(true);
    expectClean(heap);
    expect(bugs).toEqual([]);
  });

  it("passes over 0, which is a slot's that was never taken", () => {
    const heap = DebugHeap.create({ sizeBytes: 4 * MIB, report });
    const { slots } = layersOf(heap);
    layersOf(heap).memory.words[slots.word(1, SlotRecord.STATE)] = stateWord(GENERATION_MAX, SlotState.FREE);
    const other = DebugHeap.attach(heap.reserve(), { report });
    expect(other.slot).toBe(1);
    expect(slotStats(heap).map(({ generation }) => generation)).toEqual([1, 1]);
    other.alloc(SIZE);
    expectClean(heap);
  });
});
