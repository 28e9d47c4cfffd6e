import { ASSERTIONS, assert } from "../memory/assert.ts";
import { headerWord } from "../memory/header.ts";
import { Header, PAGE_SIZE } from "../memory/layout.ts";
import { type PageRun, pageRunsOf, slotOwner } from "../pages/ownership.ts";
import { compareExchangeBlockOwner } from "../slab/ownership.ts";
import { assertHeaderLock } from "../sync/lock-order.ts";
import { returnBlocks, returnRuns, waitForTakeover } from "./abandoned.ts";
import { assertRecovered } from "./assertions.ts";
import { freeBypassingSheaf } from "./block-run.ts";
import { type BlockInfo, liveBlocks } from "./describe.ts";
import { ENGINES } from "./engines.ts";
import { type Layers, underSheavesLock } from "./layers.ts";
import { recoverDeadLocks } from "./lock-takeover.ts";
import { type ReapOptions, readReapOptions, requireReapOptions } from "./reap-options.ts";
import { type DeathCleanup, EMPTY_REPORT, type ReapReport, type Released } from "./reap-report.ts";
import { freeSlotObjects, giveSlotObjects, hasSlotObjects, objectsOfSlot } from "./slot-objects.ts";

/**
 * Recovers from the death of the thread that held a slot: repairs its half-finished changes, takes back its resources,
 * and treats its blocks as the options say. Other threads keep working meanwhile. If the recovering thread dies, the
 * next recovery completes its work. O(heap).
 */
export function reapSlot(layers: Layers, slot: number, given: ReapOptions, cleanup?: DeathCleanup): ReapReport {
  const options = readReapOptions(given);
  const to = requireReapOptions(layers, slot, options);
  const { slots, sync, geometry } = layers;
  const generation = options.generation ?? slots.generation(slot);
  // Before the lock is acquired: waiters can then take over the dead thread's locks at once.
  slots.markDead(slot, generation);
  const lock = headerWord(geometry, Header.REAP_LOCK);
  sync.locks.acquire(lock);
  try {
    slots.finishReleases();
    if (!slots.isDead(slot) || slots.generation(slot) !== generation) return { ...EMPTY_REPORT, slot, isFreed: true };
    return recover(layers, slot, options.blocks ?? "keep", to, cleanup);
  } finally {
    sync.locks.release(lock);
    sync.waiters.noteFreed();
  }
}

const NOTHING_RELEASED: Released = { returnedBlocks: 0, freed: [] };

function recover(
  layers: Layers,
  slot: number,
  mode: "keep" | "free" | "give",
  to: number,
  cleanup: DeathCleanup | undefined,
): ReapReport {
  const { slots, sync, caches } = layers;
  if (ASSERTIONS) {
    assertHeaderLock(sync.locks, Header.REAP_LOCK, "the reap lock");
    assert(slots.isDead(slot), `the thread of slot ${slot} is known to be gone`);
    assert(slot !== layers.slot, `no thread recovers from its own death in slot ${slot}`);
  }
  const takenOverLocks = recoverDeadLocks(layers, ENGINES);
  // All dead slots, since one of these threads may have died while it reaped another.
  const dead = slots.dead;
  let returnedBlocks = 0;
  for (const deadSlot of dead) {
    underSheavesLock(layers, () => slots.setArea(deadSlot, 0));
    sync.waiters.forget(deadSlot);
  }
  for (const kind of caches.kinds()) returnedBlocks += returnBlocks(layers, kind, dead);
  waitForTakeover(layers);
  const returnedPages = returnRuns(layers, new Set(dead));
  const released = cleanup === undefined ? NOTHING_RELEASED : cleanup.release(slot, mode);
  returnedBlocks += released.returnedBlocks;
  const blocks = [...liveBlocks(layers)].filter((block) => block.slot === slot);
  const described = cleanup === undefined ? blocks : blocks.map((block) => cleanup.describe(block));
  const listed = [...released.freed, ...described];
  const pageRuns = [...pageRunsOf(layers.pages.frames, slot)];
  const slotObjects = objectsOfSlot(layers, slot, listed);
  if (mode === "free") {
    freeSlotObjects(layers, slot, slotObjects);
    freeAll(layers, blocks, slot);
  } else if (mode === "give") {
    giveSlotObjects(layers, slot, slotObjects, to);
    giveAll(layers, blocks, slot, to);
  }
  const isFreed = mode !== "keep" || (blocks.length + pageRuns.length === 0 && !hasSlotObjects(slotObjects));
  if (ASSERTIONS) assertRecovered(layers, slot);
  if (isFreed) slots.freeDead(slot);
  return { slot, blocks: listed, pageRuns, ...slotObjects, returnedBlocks, returnedPages, takenOverLocks, isFreed };
}

/** Frees the blocks and runs of a dead slot, except those that another thread has freed in the meantime. */
function freeAll(layers: Layers, blocks: readonly BlockInfo[], slot: number): void {
  const { pages } = layers;
  for (const { address } of blocks) freeBypassingSheaf(layers, address, slot);
  forEachRun(layers, slot, (head) => {
    const isOurs = pages.frames.compareExchangeOwner(head, slotOwner(slot), pages.claimedOwner);
    // Its length as it is now: another thread may have freed a part of it just before.
    if (isOurs) pages.freeClaimed(head, pages.frames.count(head));
  });
}

function giveAll(layers: Layers, blocks: readonly BlockInfo[], slot: number, to: number): void {
  for (const { address } of blocks) compareExchangeBlockOwner(layers, address, slot, to);
  forEachRun(layers, slot, (head) => layers.pages.frames.compareExchangeOwner(head, slotOwner(slot), slotOwner(to)));
}

/**
 * Takes all runs of pages from a dead slot. If another thread frees a part of a run, the pages after that part become a
 * new run of the slot. So the runs are listed again, under the pages' lock, until there are none.
 */
function forEachRun({ pages }: Layers, slot: number, take: (head: number) => void): void {
  for (;;) {
    pages.lock.acquire();
    const runs: PageRun[] = [...pageRunsOf(pages.frames, slot)];
    pages.lock.release();
    if (runs.length === 0) return;
    for (const { address } of runs) take(address / PAGE_SIZE);
  }
}
