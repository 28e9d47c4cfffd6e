import { describeValue, isUint32, signedHint } from "../memory/arguments.ts";
import { ASSERTIONS, assert } from "../memory/assert.ts";
import { hex, KmemError } from "../memory/errors.ts";
import type { Geometry } from "../memory/header.ts";
import { GRANULE_SHIFT, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { RunKind, RunOwner } from "../pages/layout.ts";
import { slotOwner } from "../pages/ownership.ts";
import type { PageAllocator } from "../pages/page-allocator.ts";
import { isHeldSlot, type SlotTable } from "../sync/slot.ts";
import { isLive } from "./layout.ts";
import { tagIndex } from "./tags.ts";

/** All bits of the owner of a run that nobody has claimed. */
const PLAIN_OWNER = RunOwner.OWNER_BIT | RunOwner.SLOT_MASK;

/** Where it stands which slot owns a block or a run: in its tag, and in OWNER of a run. */
export interface OwnershipContext {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
}

/** The same, and the slots that something can be given to. */
export interface TransferContext extends OwnershipContext {
  readonly slots: SlotTable;
}

/** Makes a live block another slot's; false where it is not the first one's any more. */
export function compareExchangeBlockOwner(
  context: OwnershipContext,
  address: number,
  from: number,
  to: number,
): boolean {
  const { memory, geometry, pages } = context;
  const index = tagIndex(geometry, address);
  const head = address >>> PAGE_SHIFT;
  if (ASSERTIONS) {
    assert(isLive(from + 1), `${from} is the number of a slot that blocks are taken from`);
    assert(isLive(to + 1), `${to} is the number of a slot that blocks are given to`);
  }
  const isRun = pages.frames.kind(head) === RunKind.LARGE_BLOCK;
  if (isRun) pages.frames.compareExchangeOwner(head, slotOwner(from), slotOwner(to));
  const isDone = Atomics.compareExchange(memory.bytes, index, from + 1, to + 1) === from + 1;
  if (isRun) alignOwner(context, head);
  return isDone;
}

/** Of two threads that give a run to different slots at the same moment both end with OWNER as its tag says. */
function alignOwner({ memory, geometry, pages }: OwnershipContext, head: number): void {
  const index = tagIndex(geometry, head * PAGE_SIZE);
  for (;;) {
    const tag = memory.bytes[index];
    const owner = pages.frames.owner(head);
    if (!isLive(tag) || owner === slotOwner(tag - 1) || (owner & RunOwner.CLAIMED) !== 0) return;
    pages.frames.compareExchangeOwner(head, owner, slotOwner(tag - 1));
  }
}

/** Makes a live block a slot's, whoever owns it at this moment; false where it is not live. */
export function assignBlock(context: OwnershipContext, address: number, to: number): boolean {
  const { memory, geometry } = context;
  const index = tagIndex(geometry, address);
  for (;;) {
    const tag = memory.bytes[index];
    if (!isLive(tag)) return false;
    if (compareExchangeBlockOwner(context, address, tag - 1, to)) return true;
  }
}

/** The slot that a live block, or a run of pages of `heap.pages`, belongs to; undefined for every other address. */
export function ownerOfAddress(context: OwnershipContext, address: number): number | undefined {
  const { memory, geometry, pages } = context;
  if (!isUint32(address) || ((address >>> GRANULE_SHIFT) << GRANULE_SHIFT) >>> 0 !== address) return undefined;
  const frame = address >>> PAGE_SHIFT;
  if (frame < geometry.firstPageFrame || frame >= pages.frames.endFrame) return undefined;
  const tag = memory.bytes[tagIndex(geometry, address)];
  if (isLive(tag)) return tag - 1;
  if (address % PAGE_SIZE !== 0 || pages.frames.kind(frame) !== RunKind.PAGES) return undefined;
  const slot = pages.frames.ownerSlot(frame);
  return slot < 0 ? undefined : slot;
}

/** Whether a thread has claimed the run of pages that starts at an address, to free it or to split it. */
function isClaimed({ pages }: OwnershipContext, address: number): boolean {
  const { frames } = pages;
  const head = address >>> PAGE_SHIFT;
  return frames.kind(head) === RunKind.PAGES && (frames.owner(head) & ~PLAIN_OWNER) !== 0;
}

/**
 * Makes a live block or a run of pages another slot's, also where a recovery gives it away meanwhile. Throws
 * INVALID_ADDRESS and BAD_ARGUMENT, with nothing changed.
 */
export function transfer(context: TransferContext, address: number, to: number): void {
  const { slots, pages } = context;
  if (!isHeldSlot(slots, to)) {
    throw new KmemError("BAD_ARGUMENT", `no thread holds the slot ${describeValue(to)}`, { to });
  }
  for (;;) {
    const from = ownerOfAddress(context, address);
    if (from === undefined || isClaimed(context, address)) break;
    const isRun = pages.frames.kind(address >>> PAGE_SHIFT) === RunKind.PAGES;
    const isDone = isRun
      ? pages.frames.compareExchangeOwner(address / PAGE_SIZE, slotOwner(from), slotOwner(to))
      : compareExchangeBlockOwner(context, address, from, to);
    // Else another thread has freed it or given it away at this moment: it is looked at again.
    if (isDone) return;
  }
  const text = `no live block or run of pages starts at ${hex(address)}${signedHint("address", address)}`;
  throw new KmemError("INVALID_ADDRESS", text, { address });
}
