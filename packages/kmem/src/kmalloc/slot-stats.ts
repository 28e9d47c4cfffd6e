import { PAGE_SIZE } from "../memory/layout.ts";
import { RunOwner } from "../pages/layout.ts";
import { pageRunsOf, runPages } from "../pages/ownership.ts";
import { isRunHead } from "../pages/rebuild.ts";
import { liveBlocks } from "./describe.ts";
import type { CoreLayers } from "./layers.ts";

/** What one slot has. */
export interface SlotStats {
  /** Number of the slot, from 0. */
  readonly slot: number;
  /** Held by a thread, reserved for one, or left by one that ended without giving it back. */
  readonly state: "held" | "reserved" | "dead";
  /** How often the slot has been taken. */
  readonly generation: number;
  /** Live blocks that it allocated, or was given, and the bytes that they can hold. */
  readonly liveBlocks: number;
  /** Bytes that those blocks can hold. */
  readonly liveBytes: number;
  /** Bytes in pages that it took from `pages`. */
  readonly pageBytes: number;
  /** Bytes in free pages that it holds back, or is about to give back. */
  readonly cachedPageBytes: number;
}

/** The figures of every slot that is not free. O(heap). */
export function slotStats(layers: CoreLayers): SlotStats[] {
  const { slots } = layers;
  const all = Array.from({ length: slots.count }, (_, slot) => slot);
  const numbers = all.filter((slot) => slots.isTaken(slot) || slots.isDead(slot));
  const blocks = new Map(numbers.map((slot) => [slot, { count: 0, bytes: 0 }]));
  for (const { slot = -1, usableBytes } of liveBlocks(layers)) {
    const sum = blocks.get(slot);
    if (sum === undefined) continue;
    sum.count++;
    sum.bytes += usableBytes;
  }
  return numbers.map((slot) => ({
    slot,
    state: slots.isHeld(slot) ? "held" : slots.isDead(slot) ? "dead" : "reserved",
    generation: slots.generation(slot),
    liveBlocks: blocks.get(slot)?.count ?? 0,
    liveBytes: blocks.get(slot)?.bytes ?? 0,
    pageBytes:
      [...pageRunsOf(layers.pages.frames, slot)].reduce((sum, { pageCount }) => sum + pageCount, 0) * PAGE_SIZE,
    cachedPageBytes: claimedPages(layers, slot) * PAGE_SIZE,
  }));
}

function claimedPages({ geometry, pages }: CoreLayers, slot: number): number {
  const { frames } = pages;
  let count = 0;
  for (let head = geometry.firstPageFrame; head < frames.endFrame; head++) {
    const isClaimed = isRunHead(frames.kind(head)) && (frames.owner(head) & RunOwner.CLAIMED) !== 0;
    if (isClaimed && frames.ownerSlot(head) === slot) count += runPages(frames, head);
  }
  return count;
}
