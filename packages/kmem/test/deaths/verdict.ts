import { layersOf } from "../../src/heap/access.ts";
import { blockAt, checkHeap, reapSlot } from "../../src/index.ts";
import type { Heap } from "../interleave/scenarios/kmem.ts";
import { bytesOf, holdingsOf, type Prepared, type Threads, type World } from "./world.ts";

/** Enough turns for whatever thread is dead to be reaped: none may need more than one. */
function findings(heap: Heap): string[] {
  return checkHeap(heap).findings.map(({ address, problem }) => `check: ${problem} (at ${address})`);
}

/**
 * What is wrong after the victim has died, and others in their attempt to recover from that, once `survivor` has reaped
 * them: broken invariants, blocks lost or freed that were not the victim's to free, and anything that is not as at
 * first when all is freed.
 */
export function verdictOf(world: World, { threads, prepared }: { threads: Threads; prepared: Prepared }): string[] {
  const { survivor, victim, reaper } = threads;
  const problems: string[] = [];
  const isReaperDead = layersOf(survivor).slots.isDead(reaper.slot);
  const deadSlots = isReaperDead ? [reaper.slot, victim.slot] : [victim.slot];
  // A thread that learns of a death marks the slot dead first, and waits for locks after that.
  layersOf(survivor).slots.markDead(victim.slot, layersOf(victim).sync.generation);
  if (!isReaperDead) prepared.goOn?.();
  if (prepared.slot !== undefined) reapSlot(survivor, prepared.slot);
  for (const slot of deadSlots) if (!layersOf(survivor).slots.isFree(slot)) reapSlot(survivor, slot);
  if (isReaperDead) prepared.goOn?.();
  problems.push(...findings(survivor), ...lostHoldings(world, survivor, prepared), ...(prepared.check?.() ?? []));
  // In the other order: none may need the other to be reaped first.
  for (const slot of deadSlots.toReversed()) {
    if (!layersOf(survivor).slots.isFree(slot)) reapSlot(survivor, slot, { blocks: "free" });
    if (!layersOf(survivor).slots.isFree(slot)) problems.push(`slot ${slot} is not free after it was reaped`);
  }
  problems.push(...findings(survivor), ...leftovers(world, threads, prepared));
  return problems;
}

/** Everything that was there and that the operation was not about is there, of the same slot. */
function lostHoldings(world: World, heap: Heap, { at = [] }: Prepared): string[] {
  const now = holdingsOf(heap);
  const problems: string[] = [];
  for (const [address, slot] of world.holdings) {
    if (at.includes(address)) continue;
    if (now.get(address) !== slot) problems.push(`${address} was slot ${slot}'s and is ${now.get(address)}'s`);
  }
  for (const [address, slot] of now) {
    if (world.holdings.has(address) || slot === 1 || slot === 2 || at.length > 0) continue;
    problems.push(`${address} has become slot ${slot}'s`);
  }
  return problems;
}

/** Frees all that the living have, and compares with the heap before any other thread came. */
function leftovers(world: World, { survivor, reaper }: Threads, { cleanUp, slot }: Prepared): string[] {
  if (!layersOf(survivor).slots.isFree(reaper.slot)) reapSlot(survivor, reaper.slot, { blocks: "free" });
  if (slot !== undefined) reapSlot(survivor, slot, { blocks: "free" });
  cleanUp?.(survivor);
  for (const [address, owner] of holdingsOf(survivor)) {
    if (owner !== survivor.slot) return [`${address} is slot ${owner}'s, which is reaped`];
    const block = blockAt(survivor, address);
    if (block?.live === true) survivor.free(address);
    else survivor.pages.free(address, layersOf(survivor).pages.frames.count(address / 4096));
  }
  survivor.trim();
  const bytes = bytesOf(survivor);
  const isSame = bytes === world.bytesAtFirst;
  return isSame
    ? findings(survivor)
    : [...findings(survivor), `bytes at last ${bytes}, at first ${world.bytesAtFirst}`];
}
