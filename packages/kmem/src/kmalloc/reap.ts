import {
  anyValue,
  badArgument,
  type Checks,
  describeValue,
  isUint32,
  readOptions,
  requireCount,
  signedHint,
} from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { headerWord } from "../memory/header.ts";
import { GRANULE_SHIFT, Header, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FrameKind, RunKind, RunOwner } from "../pages/layout.ts";
import { isLive } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import { freeRun } from "./block-run.ts";
import { type BlockInfo, liveBlocks, runPages } from "./describe.ts";
import { ENGINES } from "./engines.ts";
import { type CoreLayers, type Layers, underRecallLock } from "./layers.ts";
import { takeOverLocks } from "./lock-takeover.ts";
import { returnBlocks, returnRuns } from "./remains.ts";
import { freeMade, giveMade, hasMade, type Made, madeBy } from "./slot-objects.ts";

/** What becomes of the blocks and pages of a thread that is gone. */
export interface ReapOptions {
  /**
   * `keep`: they stay as they are, and its slot stays dead until they are reaped otherwise. `free`: they are freed.
   * `give`: they become those of the slot `to`. Default `keep`. Virtual areas and trace rings that it made go with
   * them, and with a mempool's block the pool: nobody may use them any more where they are freed. Elements of a pool
   * that other threads allocated stay those threads' blocks.
   */
  readonly blocks?: "keep" | "free" | "give";
  /** The slot that gets them with `give`. Default: the caller's. */
  readonly to?: number;
  /** How often the slot had been taken when the dead thread took it: one that has it by now is let be. */
  readonly generation?: number;
}

/** Pages that a slot took page by page. */
export interface PageRun {
  readonly address: number;
  readonly pageCount: number;
}

/** What was found of a thread that is gone, and what was done. */
export interface ReapReport extends Made {
  readonly slot: number;
  /** Live blocks that it had allocated: kept, freed or given on. */
  readonly blocks: readonly BlockInfo[];
  /** The same for pages of `heap.pages`. */
  readonly pageRuns: readonly PageRun[];
  /** Free blocks that lay in its sheaves and outboxes; they are in their slabs again. */
  readonly returnedBlocks: number;
  /** Pages that it had for itself, or held in its hands. */
  readonly returnedPages: number;
  /** Locks that it held. */
  readonly takenOverLocks: number;
  /** Whether the slot can be taken again. */
  readonly isFreed: boolean;
  /** Why less was done than was asked for; only where that is so. */
  readonly problem?: string;
}

/** What a {@link DeathCleanup} has given back. */
export interface Released {
  /** Blocks that were no objects any more, or not yet. */
  readonly returnedBlocks: number;
  /** Live ones, which are listed as freed. */
  readonly freed: readonly BlockInfo[];
}

/** What a heap that has more around its blocks than the layers know does about those of a thread that is gone. */
export interface DeathCleanup {
  /**
   * Ends what the thread was at in blocks, and gives back those that only look as if they were live. Under the reap
   * lock, while the slot is dead still; what a thread that died in here has done is no harm.
   */
  release(slot: number, mode: "keep" | "free" | "give"): Released;
  /** What the report says of a block of the thread. */
  describe(block: BlockInfo): BlockInfo;
}

/**
 * Recovers from the death of the thread that held a slot: repairs what it left half done, takes back what was its own,
 * and does with its blocks what the options say. Other threads work on meanwhile. A thread that dies in here leaves
 * nothing that the next one does not recover. O(heap).
 */
export function reapSlot(layers: Layers, slot: number, given: ReapOptions, cleanup?: DeathCleanup): ReapReport {
  const options = readReapOptions(given);
  const to = requireReapOptions(layers, slot, options);
  const { slots, sync, geometry } = layers;
  const generation = options.generation ?? slots.generation(slot);
  // Before the lock: who waits for one of the dead thread's locks goes on at once.
  slots.markDead(slot, generation);
  const lock = headerWord(geometry, Header.REAP_LOCK);
  sync.locks.acquire(lock);
  try {
    if (!slots.isDead(slot) || slots.generation(slot) !== generation) return { ...NOTHING, slot };
    return recover(layers, slot, options.blocks ?? "keep", to, cleanup);
  } finally {
    sync.locks.release(lock);
    sync.waiters.freed();
  }
}

const REAP_CHECKS: Checks<ReapOptions> = { blocks: anyValue, to: anyValue, generation: requireCount };

/** The options of a reaping, read once. Throws BAD_ARGUMENT. */
export function readReapOptions(options: ReapOptions): ReapOptions {
  return readOptions("options", options, REAP_CHECKS);
}

/** What is left for a thread that comes second. */
export const NOTHING: Omit<ReapReport, "slot"> = {
  blocks: [],
  pageRuns: [],
  areas: [],
  mempools: [],
  traceRings: [],
  returnedBlocks: 0,
  returnedPages: 0,
  takenOverLocks: 0,
  isFreed: true,
};

const NOTHING_RELEASED: Released = { returnedBlocks: 0, freed: [] };

function recover(
  layers: Layers,
  slot: number,
  mode: "keep" | "free" | "give",
  to: number,
  cleanup: DeathCleanup | undefined,
): ReapReport {
  const { slots, sync, caches } = layers;
  const takenOverLocks = takeOverLocks(layers, ENGINES);
  // All that are dead: one of them may have died while it reaped another.
  const dead = slots.dead;
  let returnedBlocks = 0;
  for (const one of dead) {
    underRecallLock(layers, () => slots.setArea(one, 0));
    sync.waiters.forget(one);
  }
  for (const kind of caches.kinds()) returnedBlocks += returnBlocks(layers, kind, dead);
  const returnedPages = returnRuns(layers, new Set(dead));
  const released = cleanup === undefined ? NOTHING_RELEASED : cleanup.release(slot, mode);
  returnedBlocks += released.returnedBlocks;
  const blocks = [...liveBlocks(layers)].filter((block) => block.slot === slot);
  const described = cleanup === undefined ? blocks : blocks.map((block) => cleanup.describe(block));
  const listed = [...released.freed, ...described];
  const pageRuns = [...pageRunsOf(layers, slot)];
  const made = madeBy(layers, slot, listed);
  if (mode === "free") {
    freeMade(layers, slot, made);
    freeAll(layers, blocks, pageRuns, slot);
  } else if (mode === "give") {
    giveMade(layers, slot, made, to);
    giveAll(layers, blocks, pageRuns, slot, to);
  }
  const isFreed = mode !== "keep" || (blocks.length + pageRuns.length === 0 && !hasMade(made));
  if (isFreed) slots.free(slot);
  return { slot, blocks: listed, pageRuns, ...made, returnedBlocks, returnedPages, takenOverLocks, isFreed };
}

/** The slot that gets what is given on. Throws BAD_ARGUMENT for options that are none, or of slots that are not. */
export function requireReapOptions(layers: Layers, slot: number, { blocks = "keep", to }: ReapOptions): number {
  const { slots, slot: own } = layers;
  const receiver = to === undefined ? own : to;
  if (!Number.isInteger(slot) || slot < 0 || slot >= slots.count) {
    throw new KmemError("BAD_ARGUMENT", `there is no slot ${describeValue(slot)}`, { slot });
  }
  if (slot === own) throw new KmemError("BAD_ARGUMENT", `slot ${slot} is the caller's own`, { slot });
  if (blocks !== "keep" && blocks !== "free" && blocks !== "give") {
    throw new KmemError("BAD_ARGUMENT", `blocks are kept, freed or given, not ${describeValue(blocks)}`, { blocks });
  }
  if (to !== undefined && !isUint32(to)) throw badArgument("to", "the number of a slot", to);
  if (blocks === "give" && !(receiver !== slot && isHeldSlot(slots, receiver))) {
    throw new KmemError("BAD_ARGUMENT", `no thread holds the slot ${describeValue(receiver)}`, { to: receiver });
  }
  return receiver;
}

/** Whether a value of any type is the number of a slot that a thread holds. */
function isHeldSlot(slots: Layers["slots"], slot: unknown): slot is number {
  return isUint32(slot) && slot < slots.count && slots.isHeld(slot);
}

/** Runs of pages that a slot took page by page. O(frames). */
export function* pageRunsOf({ geometry, pages }: CoreLayers, slot: number): Generator<PageRun> {
  const { frames } = pages;
  for (let head = geometry.firstPageFrame; head < frames.endFrame; head++) {
    if (frames.kind(head) !== RunKind.PAGES || frames.owner(head) !== ownerOf(slot)) continue;
    yield { address: head * PAGE_SIZE, pageCount: runPages(frames, head) };
  }
}

function ownerOf(slot: number): number {
  return RunOwner.MARK | (slot + 1);
}

/** Frees what a dead slot had; what another thread has freed in the meantime is gone already. */
function freeAll(layers: Layers, blocks: readonly BlockInfo[], pageRuns: readonly PageRun[], slot: number): void {
  const { memory, geometry, pages } = layers;
  for (const { address } of blocks) {
    if (memory.bytes[tagIndex(geometry, address)] === slot + 1) giveBack(layers, address);
  }
  for (const { address, pageCount } of pageRuns) {
    const head = address / PAGE_SIZE;
    if (pages.frames.exchangeOwner(head, ownerOf(slot), pages.claimedOwner)) pages.freeOwn(head, pageCount);
  }
}

/** Frees a live block past the sheaves; what another thread has just freed is let be. */
export function giveBack(layers: Layers, address: number): void {
  const kind = layers.pages.frames.kind(address >>> PAGE_SHIFT);
  if (kind >= FrameKind.FIRST_CACHE) layers.sheaves.putBypassingSheaf(kind, address);
  else freeRun(layers, address);
}

function giveAll(
  layers: Layers,
  blocks: readonly BlockInfo[],
  pageRuns: readonly PageRun[],
  slot: number,
  to: number,
): void {
  for (const { address } of blocks) changeOwner(layers, address, slot, to);
  for (const { address } of pageRuns)
    layers.pages.frames.exchangeOwner(address / PAGE_SIZE, ownerOf(slot), ownerOf(to));
}

/** Makes a live block another slot's; false where it is not the first one's any more. */
function changeOwner(layers: Layers, address: number, from: number, to: number): boolean {
  const { memory, geometry, pages } = layers;
  const index = tagIndex(geometry, address);
  const head = address >>> PAGE_SHIFT;
  const isRun = pages.frames.kind(head) === RunKind.BLOCK;
  if (isRun) pages.frames.exchangeOwner(head, ownerOf(from), ownerOf(to));
  const isDone = Atomics.compareExchange(memory.bytes, index, from + 1, to + 1) === from + 1;
  if (isRun) alignOwner(layers, head);
  return isDone;
}

/** Of two threads that give a run to different slots at the same moment both end with OWNER as its tag says. */
function alignOwner({ memory, geometry, pages }: Layers, head: number): void {
  const index = tagIndex(geometry, head * PAGE_SIZE);
  for (;;) {
    const tag = memory.bytes[index];
    const owner = pages.frames.owner(head);
    if (!isLive(tag) || owner === ownerOf(tag - 1) || (owner & RunOwner.CLAIMED) !== 0) return;
    pages.frames.exchangeOwner(head, owner, ownerOf(tag - 1));
  }
}

/** Makes a live block a slot's, whosesoever it is at this moment; false where it is not live. */
export function takeOver(layers: Layers, address: number, to: number): boolean {
  const { memory, geometry } = layers;
  const index = tagIndex(geometry, address);
  for (;;) {
    const tag = memory.bytes[index];
    if (!isLive(tag)) return false;
    if (changeOwner(layers, address, tag - 1, to)) return true;
  }
}

/** The slot that a live block, or a run of pages of `heap.pages`, belongs to; undefined for every other address. */
export function ownerOfAddress(layers: Layers, address: number): number | undefined {
  const { memory, geometry, pages } = layers;
  if (!isUint32(address) || ((address >>> GRANULE_SHIFT) << GRANULE_SHIFT) >>> 0 !== address) return undefined;
  const frame = address >>> PAGE_SHIFT;
  if (frame < geometry.firstPageFrame || frame >= pages.frames.endFrame) return undefined;
  const tag = memory.bytes[tagIndex(geometry, address)];
  if (isLive(tag)) return tag - 1;
  if (address % PAGE_SIZE !== 0 || pages.frames.kind(frame) !== RunKind.PAGES) return undefined;
  const slot = pages.frames.ownerSlot(frame);
  return slot < 0 ? undefined : slot;
}

/**
 * Makes a live block or a run of pages another slot's. Throws INVALID_ADDRESS and BAD_ARGUMENT, with nothing changed.
 */
export function transfer(layers: Layers, address: number, to: number): void {
  const { slots, pages } = layers;
  if (!isHeldSlot(slots, to)) {
    throw new KmemError("BAD_ARGUMENT", `no thread holds the slot ${describeValue(to)}`, { to });
  }
  const from = ownerOfAddress(layers, address);
  const isRun = from !== undefined && pages.frames.kind(address >>> PAGE_SHIFT) === RunKind.PAGES;
  const isDone =
    from !== undefined &&
    (isRun
      ? pages.frames.exchangeOwner(address / PAGE_SIZE, ownerOf(from), ownerOf(to))
      : changeOwner(layers, address, from, to));
  if (isDone) return;
  const text = `no live block or run of pages starts at ${hex(address)}${signedHint("address", address)}`;
  throw new KmemError("INVALID_ADDRESS", text, { address });
}
