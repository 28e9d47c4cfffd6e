import { attachmentOf, layersOf } from "../../src/heap/access.ts";
import type { Heap as HeapClass } from "../../src/heap/heap.ts";
import { blocksOf } from "../../src/index.ts";
import { CacheRecord } from "../../src/slab/layout.ts";
import { tagIndex } from "../../src/slab/tags.ts";
import { call } from "../interleave/call.ts";
import type { Heap } from "../interleave/scenarios/kmem.ts";
import { GROWING } from "./growth-operations.ts";
import { functionsOf, VICTIM } from "./modules.ts";
import type { Operation, Prepared, Threads } from "./world.ts";

const SMALL_BYTES = 64;
/** The largest class: a slab holds one block of it, a sheaf four. */
const LARGE_BYTES = 32 * 1024;
/** A block that is a run of pages, of a length that no slot caches. */
const RUN_PAGES = 11;
const PAGE_BYTES = 4096;
/** So many slabs of a class are enough for batches of three. */
const SLABS_OF_BATCHES = 65;
const RUN_BYTES: number = RUN_PAGES * PAGE_BYTES;

function many(heap: Heap, count: number, sizeBytes: number): number[] {
  return Array.from({ length: count }, () => heap.alloc(sizeBytes));
}

function allocating(name: string, sizeBytes: number, prepare?: (threads: Threads) => Prepared): Operation {
  const operate: Operation["operate"] = ({ victim }) => call(victim, "alloc", sizeBytes);
  return prepare === undefined ? { name, operate } : { name, operate, prepare };
}

/** Frees the first block that was prepared. */
function freeing(name: string, prepare: (threads: Threads) => number): Operation {
  return {
    name,
    prepare: (threads) => ({ at: [prepare(threads)] }),
    operate: ({ victim }, { at = [] }) => call(victim, "free", at[0] as number),
  };
}

/** Blocks of a page each, until their class makes several slabs at a time and has no free block left. */
function manySlabs(heap: Heap): number[] {
  const { caches } = layersOf(heap as unknown as HeapClass);
  const kind = Number(caches.find(`kmalloc-${PAGE_BYTES}`));
  const blocks: number[] = [];
  while (caches.get(kind, CacheRecord.SLABS) < SLABS_OF_BATCHES || caches.get(kind, CacheRecord.FREE_BLOCKS) > 0) {
    blocks.push(heap.alloc(PAGE_BYTES));
  }
  return blocks;
}

const allocations: readonly Operation[] = [
  allocating("alloc: from the sheaf", SMALL_BYTES, ({ victim }) => {
    many(victim, 3, SMALL_BYTES);
    return {};
  }),
  allocating("alloc: a slab is made", LARGE_BYTES),
  allocating("alloc: a slab of several blocks is made", 1024),
  allocating("alloc: several slabs are made at a time", PAGE_BYTES, ({ survivor }) => {
    manySlabs(survivor);
    return {};
  }),
  allocating("alloc: from the barn", LARGE_BYTES, ({ survivor }) => {
    // Six of seven: two sheaves' halves go to the barn.
    for (const block of many(survivor, 7, LARGE_BYTES)) survivor.free(block);
    return {};
  }),
  allocating("alloc: from the slabs", 1024, ({ survivor }) => {
    many(survivor, 2, 1024);
    return {};
  }),
  allocating("alloc: from a sheaf that was closed", SMALL_BYTES, ({ victim, survivor }) => {
    victim.free(victim.alloc(SMALL_BYTES));
    attachmentOf(survivor).kmalloc.closeAllSheaves();
    return {};
  }),
  allocating("alloc: a run of pages", RUN_BYTES),
  allocating("alloc: a run of many pages, whose kinds are written a word at a time", 2 * RUN_BYTES),
  allocating("alloc: a run of cached pages", 8 * PAGE_BYTES + 1, ({ victim }) => {
    victim.pages.free(victim.pages.alloc(1), 1);
    return {};
  }),
];

const frees: readonly Operation[] = [
  freeing("free: into the sheaf", ({ victim }) => victim.alloc(SMALL_BYTES)),
  freeing("free: into the remote sheaf, which is made", ({ survivor }) => survivor.alloc(SMALL_BYTES)),
  freeing("free: another slot's, large", ({ survivor }) => survivor.alloc(LARGE_BYTES)),
  freeing("free: the sheaf is full, half of it goes to the barn", ({ victim }) => {
    const blocks = many(victim, 5, LARGE_BYTES);
    for (const block of blocks.slice(1)) victim.free(block);
    return blocks[0] as number;
  }),
  freeing("free: the barn is full, slabs are released", ({ victim, survivor }) => {
    const blocks = many(victim, 5, LARGE_BYTES);
    const others = many(survivor, 6, LARGE_BYTES);
    for (const block of others) survivor.free(block);
    for (const block of blocks.slice(1)) victim.free(block);
    return blocks[0] as number;
  }),
  freeing("free: a run of pages", ({ victim }) => victim.alloc(RUN_BYTES)),
  freeing("free: a run of pages of another slot", ({ survivor }) => survivor.alloc(RUN_BYTES)),
];

function resizing(name: string, fromPages: number, toPages: number): Operation {
  return {
    name,
    prepare: ({ survivor }) => ({ at: [survivor.alloc(fromPages * PAGE_BYTES)] }),
    operate: ({ victim }, { at = [] }) => call(victim, "realloc", at[0] as number, toPages * PAGE_BYTES),
  };
}

const resizes: readonly Operation[] = [
  resizing("realloc: a run of another slot grows in place", 2 * RUN_PAGES, 2 * RUN_PAGES + 3),
  resizing("realloc: a run of another slot shrinks", 2 * RUN_PAGES, 2 * RUN_PAGES - 2),
  {
    name: "realloc: a block moves",
    prepare: ({ victim }) => ({ at: [victim.alloc(SMALL_BYTES)] }),
    operate: ({ victim }, { at = [] }) => call(victim, "realloc", at[0] as number, 200),
  },
  {
    name: "realloc: a block moves between two sheaves",
    prepare: ({ victim }) => {
      victim.free(victim.alloc(200));
      return { at: [victim.alloc(SMALL_BYTES)] };
    },
    operate: ({ victim }, { at = [] }) => call(victim, "realloc", at[0] as number, 200),
  },
  {
    name: "realloc: a block of several hundred bytes moves between two sheaves",
    prepare: ({ victim }) => {
      victim.free(victim.alloc(1024));
      return { at: [victim.alloc(512)] };
    },
    operate: ({ victim }, { at = [] }) => call(victim, "realloc", at[0] as number, 1024),
  },
  {
    name: "calloc: from the sheaf",
    prepare: ({ victim }) => {
      victim.free(victim.alloc(SMALL_BYTES));
      return {};
    },
    operate: ({ victim }) => call(victim, "calloc", 1, SMALL_BYTES),
  },
  {
    name: "alignedAlloc: from the sheaf",
    prepare: ({ victim }) => {
      victim.free(victim.alloc(SMALL_BYTES));
      return {};
    },
    operate: ({ victim }) => call(victim, "alignedAlloc", SMALL_BYTES, SMALL_BYTES),
  },
];

/** Frees a part of a run of pages that another slot took. */
function parting(name: string, first: number, count: number): Operation {
  return {
    name,
    prepare: ({ survivor }) => {
      const run = survivor.pages.alloc(6);
      // The rest may be a run of its own, or not.
      return { at: Array.from({ length: 6 }, (_, page) => run + page * PAGE_BYTES) };
    },
    operate: ({ victim }, { at = [] }) => call(victim.pages, "free", (at[0] as number) + first * PAGE_BYTES, count),
  };
}

const pages: readonly Operation[] = [
  {
    name: "pages.alloc: a run",
    operate: ({ victim }) => call(victim.pages, "alloc", 3),
  },
  {
    name: "pages.alloc: the pcp lists are filled",
    operate: ({ victim }) => call(victim.pages, "alloc", 2),
  },
  {
    name: "pages.free: into the pcp lists",
    prepare: ({ victim }) => ({ at: [victim.pages.alloc(1)] }),
    operate: ({ victim }, { at = [] }) => call(victim.pages, "free", at[0] as number, 1),
  },
  {
    name: "pages.free: the pcp lists overflow",
    prepare: ({ victim }) => {
      const runs = Array.from({ length: 3 }, () => victim.pages.alloc(8));
      for (const run of runs.slice(1)) victim.pages.free(run, 8);
      return { at: [runs[0] as number] };
    },
    operate: ({ victim }, { at = [] }) => call(victim.pages, "free", at[0] as number, 8),
  },
  parting("pages.free: all of a run of another slot", 0, 6),
  parting("pages.free: the head of a run", 0, 2),
  parting("pages.free: the middle of a run", 2, 2),
  parting("pages.free: the tail of a run", 3, 3),
];

/** Frees are exchanges there. */
const exact: readonly Operation[] = [
  {
    ...freeing("free: into the sheaf, exactly", ({ victim }) => victim.alloc(SMALL_BYTES)),
    options: { exactFrees: true },
  },
];

/** Both have freed a block at the same moment, so that the victim's sheaf has an entry of a block that is elsewhere. */
function freedTwice({ victim, survivor }: Threads): number {
  const block = victim.alloc(LARGE_BYTES);
  const { memory, geometry } = layersOf(victim);
  victim.free(block);
  memory.bytes[tagIndex(geometry, block)] = victim.slot + 1;
  survivor.free(block);
  return block;
}

const stale: readonly Operation[] = [
  allocating("alloc: an entry is stale", LARGE_BYTES, (threads) => {
    freedTwice(threads);
    return {};
  }),
  {
    name: "trim: an entry is stale",
    prepare: (threads) => {
      freedTwice(threads);
      return {};
    },
    operate: ({ victim }) => call(victim, "trim"),
  },
];

const OBJECT_BYTES = 700;
const CACHE = { name: "objects", sizeBytes: OBJECT_BYTES, colourBytes: 16 } as const;

/** Destroys the cache of the operations below, if there is one. */
function dropCache(heap: Heap): void {
  for (const { address } of [...blocksOf(heap)].filter(({ cache }) => cache === CACHE.name)) heap.free(address);
  if (layersOf(heap).caches.find(CACHE.name) !== undefined) heap.openCache(CACHE.name).destroy();
}

const caches: readonly Operation[] = [
  {
    name: "createCache",
    isStateful: true,
    prepare: () => ({ cleanUp: dropCache }),
    operate: ({ victim }) => call(victim, "createCache", CACHE),
  },
  {
    name: "cache.alloc: the sheaf and a slab are made",
    isStateful: true,
    prepare: ({ survivor }) => {
      survivor.createCache(CACHE);
      return { cleanUp: dropCache };
    },
    operate: function* ({ victim }) {
      const cache = yield* call(victim, "openCache", CACHE.name);
      yield* call(cache, "alloc");
    },
  },
  {
    name: "cache.free: into the sheaf",
    isStateful: true,
    prepare: ({ survivor }) => ({ at: [survivor.createCache(CACHE).alloc()], cleanUp: dropCache }),
    operate: function* ({ victim }, { at = [] }) {
      const cache = yield* call(victim, "openCache", CACHE.name);
      yield* call(cache, "free", at[0] as number);
    },
  },
  {
    name: "cache.free: into the sheaf, exactly; trim: its page is given back",
    isStateful: true,
    options: { exactFrees: true },
    prepare: ({ survivor }) => ({ at: [survivor.createCache(CACHE).alloc()], cleanUp: dropCache }),
    operate: function* ({ victim }, { at = [] }) {
      const cache = yield* call(victim, "openCache", CACHE.name);
      yield* call(cache, "free", yield* call(cache, "alloc"));
      yield* call(cache, "free", at[0] as number);
      yield* call(victim, "trim");
    },
  },
  {
    name: "cache.shrink and destroy",
    isStateful: true,
    prepare: ({ victim }) => {
      const cache = victim.createCache(CACHE);
      cache.free(cache.alloc());
      return { cleanUp: dropCache };
    },
    operate: function* ({ victim }) {
      const cache = yield* call(victim, "openCache", CACHE.name);
      yield* call(cache, "shrink");
      yield* call(cache, "destroy");
    },
  },
];

/** Slabs of one cache, each with a free block, so that its list has a first, a middle and a last one. */
function listOfSlabs({ survivor }: Threads): number[] {
  const blocks = many(survivor, 4 * 5, 3072);
  const firsts = [...new Map(blocks.map((block) => [block >>> 14, block])).values()].slice(0, 4);
  for (const block of firsts) survivor.free(block);
  survivor.trim();
  return blocks.filter((block) => !firsts.includes(block));
}

const lists: readonly Operation[] = [
  {
    name: "trim: slabs side by side are released at a time",
    prepare: ({ victim }) => {
      for (const block of manySlabs(victim)) victim.free(block);
      return {};
    },
    operate: ({ victim }) => call(victim, "trim"),
  },
  {
    name: "trim: slabs leave their list and enter it",
    prepare: (threads) => {
      const blocks = listOfSlabs(threads);
      for (const block of blocks) threads.victim.free(block);
      return { at: blocks };
    },
    operate: ({ victim }) => call(victim, "trim"),
  },
  {
    name: "reap: of a slot that another thread has left behind",
    prepare: ({ survivor }) => {
      const ghost = (survivor.constructor as typeof HeapClass).attach(survivor.reserve());
      ghost.free(ghost.alloc(LARGE_BYTES));
      return { at: [ghost.alloc(SMALL_BYTES), ghost.alloc(RUN_BYTES), ghost.pages.alloc(3)], slot: ghost.slot };
    },
    operate: (threads, { slot = 0 }) =>
      call(functionsOf(threads, VICTIM), "reapSlot", threads.victim, slot, { blocks: "free" }),
  },
];

const remaining: readonly Operation[] = [
  {
    name: "trim",
    prepare: ({ victim, survivor }) => {
      victim.free(victim.alloc(LARGE_BYTES));
      victim.free(survivor.alloc(SMALL_BYTES));
      return {};
    },
    operate: ({ victim }) => call(victim, "trim"),
  },
  {
    name: "transfer: a block and a run of pages",
    prepare: ({ victim }) => ({ at: [victim.alloc(SMALL_BYTES), victim.alloc(RUN_BYTES), victim.pages.alloc(2)] }),
    operate: function* (threads, { at = [] }) {
      const { victim, survivor } = threads;
      const functions = functionsOf(threads, VICTIM);
      for (const address of at) yield* call(functions, "transferBlock", victim, address, survivor.slot);
    },
  },
];

const waiting: readonly Operation[] = [
  {
    name: "allocWait: nobody frees anything",
    options: { sizeBytes: 512 * 1024 },
    prepare: ({ victim, survivor }) => {
      // A remote sheaf that is called back.
      survivor.free(victim.alloc(SMALL_BYTES));
      while (survivor.tryAlloc(LARGE_BYTES) !== 0);
      while (survivor.pages.tryAlloc(1, { reserve: true }) !== 0);
      return {};
    },
    operate: function* ({ victim }) {
      try {
        yield* call(victim, "allocWait", RUN_BYTES, { timeoutMs: 5 });
      } catch (error) {
        if ((error as { code?: string }).code !== "OUT_OF_MEMORY") throw error;
      }
    },
  },
  {
    name: "alloc and free: memory is short, blocks go past the sheaf",
    options: { sizeBytes: 512 * 1024 },
    prepare: ({ victim, survivor }) => {
      victim.free(survivor.alloc(SMALL_BYTES));
      // One slab with free blocks, none of which lies in a sheaf.
      survivor.alloc(1024);
      survivor.trim();
      while (survivor.tryAlloc(LARGE_BYTES) !== 0);
      while (survivor.pages.tryAlloc(1, { reserve: true }) !== 0);
      // Somebody waits.
      layersOf(survivor).sync.waiters.enter();
      return { cleanUp: (heap) => layersOf(heap).sync.waiters.leave(false) };
    },
    operate: function* ({ victim }) {
      const block = yield* call(victim, "alloc", 1024);
      yield* call(victim, "free", block);
    },
  },
  {
    name: "free: memory is short, the block goes past the sheaf",
    options: { sizeBytes: 512 * 1024 },
    prepare: ({ victim, survivor }) => {
      const block = victim.alloc(1024);
      while (survivor.tryAlloc(LARGE_BYTES) !== 0);
      while (survivor.pages.tryAlloc(1, { reserve: true }) !== 0);
      return { at: [block] };
    },
    operate: ({ victim }, { at = [] }) => call(victim, "free", at[0] as number),
  },
];

export const OPERATIONS: readonly Operation[] = [
  ...allocations,
  ...frees,
  ...resizes,
  ...pages,
  ...exact,
  ...stale,
  ...caches,
  ...lists,
  ...remaining,
  ...GROWING,
  ...waiting,
];
