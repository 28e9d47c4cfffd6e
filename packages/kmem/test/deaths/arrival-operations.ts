import { layersOf } from "../../src/heap/access.ts";
import type { HeapHandle } from "../../src/heap/handle.ts";
import type { Heap as HeapClass } from "../../src/heap/heap.ts";
import { headerWord } from "../../src/memory/header.ts";
import { Header } from "../../src/memory/layout.ts";
import { NO_FRAME, RunKind } from "../../src/pages/layout.ts";
import { call } from "../interleave/call.ts";
import type { Heap } from "../interleave/scenarios/kmem.ts";
import type { Operation } from "./world.ts";

const SMALL_BYTES = 64;
/** The largest class: a slab holds one block of it, a sheaf four. */
const LARGE_BYTES = 32 * 1024;
const SHORT_BYTES = 512 * 1024;

/** What the last preparation has reserved; a handle is no part of the memory. */
let reserved: HeapHandle | undefined;

/** Below the calls of a heap, which would reclaim before they say that there are none. */
function takeAllPages(heap: Heap): void {
  while (layersOf(heap).pages.allocate(1, RunKind.PAGES, { mayUseReserve: true }) !== NO_FRAME);
}

/** Threads come to a heap, and leave it. */
export const ARRIVAL_OPERATIONS: readonly Operation[] = [
  {
    name: "attach: with a slot that was reserved",
    isStateful: true,
    // The victim leaves, and comes again as the thread that the slot is reserved for.
    prepare: ({ victim, survivor }) => {
      victim.detach();
      reserved = survivor.reserve();
      return {};
    },
    operate: ({ victim }) => call(victim.constructor as typeof HeapClass, "attach", reserved as HeapHandle),
  },
  {
    name: "attach: with the first slot that is free",
    isStateful: true,
    prepare: ({ victim }) => {
      victim.detach();
      return {};
    },
    operate: ({ victim, survivor }) => call(victim.constructor as typeof HeapClass, "attach", survivor.handle),
  },
  {
    name: "attach: the barns are made",
    isStateful: true,
    prepare: ({ victim, survivor }) => {
      victim.detach();
      const { barns, geometry, sync } = layersOf(survivor);
      const lock = headerWord(geometry, Header.TABLE_LOCK);
      sync.locks.acquire(lock);
      barns.destroy();
      sync.locks.release(lock);
      return {};
    },
    operate: ({ victim, survivor }) => call(victim.constructor as typeof HeapClass, "attach", survivor.handle),
  },
  {
    name: "attach: slabs that are empty are released for the slot's pages",
    isStateful: true,
    options: { sizeBytes: SHORT_BYTES },
    prepare: ({ victim, survivor }) => {
      victim.detach();
      const blocks: number[] = [];
      for (let block = survivor.tryAlloc(1024); block !== 0; block = survivor.tryAlloc(1024)) blocks.push(block);
      for (const block of blocks) survivor.free(block);
      takeAllPages(survivor);
      return {};
    },
    operate: ({ victim, survivor }) => call(victim.constructor as typeof HeapClass, "attach", survivor.handle),
  },
  {
    name: "attach: no pages for the slot, which stays reserved",
    isStateful: true,
    options: { sizeBytes: SHORT_BYTES },
    prepare: ({ victim, survivor }) => {
      victim.detach();
      reserved = survivor.reserve();
      survivor.trim();
      takeAllPages(survivor);
      return {};
    },
    operate: function* ({ victim }) {
      try {
        yield* call(victim.constructor as typeof HeapClass, "attach", reserved as HeapHandle);
      } catch (error) {
        if ((error as { code?: string }).code !== "OUT_OF_MEMORY") throw error;
      }
    },
  },
  {
    name: "attach: again, by another object for the memory",
    isStateful: true,
    prepare: () => ({}),
    operate: ({ victim, survivor }) =>
      call(victim.constructor as typeof HeapClass, "attach", structuredClone(survivor.handle)),
  },
  {
    name: "attach: every slot is held, and one of a thread that is gone is taken over",
    isStateful: true,
    options: { slotCount: 3 },
    prepare: ({ victim, survivor }) => {
      const { slot } = victim;
      victim.detach();
      const ghost = (survivor.constructor as typeof HeapClass).attach(survivor.reserve());
      ghost.free(ghost.alloc(LARGE_BYTES));
      layersOf(survivor).slots.markDead(slot, layersOf(survivor).slots.generation(slot));
      return {};
    },
    operate: ({ victim, survivor }) => call(victim.constructor as typeof HeapClass, "attach", survivor.handle),
  },
  {
    name: "allocWait: a thread that waits before this one is gone",
    isStateful: true,
    prepare: ({ survivor }) => {
      const ghost = (survivor.constructor as typeof HeapClass).attach(survivor.reserve());
      layersOf(ghost).sync.waiters.enter();
      layersOf(survivor).slots.markDead(ghost.slot, layersOf(ghost).sync.generation);
      return { slot: ghost.slot };
    },
    operate: ({ victim }) => call(victim, "allocWait", LARGE_BYTES),
  },
  {
    name: "reserve",
    // Nobody but the thread that dies knows of the slot, which is the next one.
    prepare: () => ({ slot: 3 }),
    operate: ({ victim }) => call(victim, "reserve"),
  },
  {
    name: "detach: sheaves, remote sheaves and pcp lists are given back",
    isStateful: true,
    prepare: ({ victim, survivor }) => {
      victim.free(victim.alloc(LARGE_BYTES));
      victim.free(survivor.alloc(SMALL_BYTES));
      victim.pages.free(victim.pages.alloc(1), 1);
      return {};
    },
    operate: ({ victim }) => call(victim, "detach"),
  },
];
