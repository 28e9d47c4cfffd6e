import { GRANULE, PAGE_SIZE } from "kmem";
import { FrameKind, MAX_ORDER } from "kmem/layout";
import { type Block, blockAt, blocksOfSlab } from "./blocks.ts";
import { type DebugInfo, debugInfoOf } from "./debug-records.ts";
import type { DumpModel } from "./dump-model.ts";
import { FRAME_STATES, type FrameStateId, stateIndex } from "./frame-states.ts";
import { groupOf, holderOf, type PageGroup, slabOf, slabsOf } from "./runs.ts";

/** What holds a page. */
export interface PageAnswer extends PageGroup {
  readonly frame: number;
  readonly state: FrameStateId;
  readonly stateLabel: string;
  /** In a sentence without its full stop. */
  readonly text: string;
  /** The slab's blocks in the order of their addresses; empty where the page is in none. */
  readonly blocks: readonly Block[];
  readonly slot: number | undefined;
}

/** What lives at an address. */
export interface AddressAnswer {
  readonly address: number;
  readonly page: PageAnswer;
  readonly block: Block | undefined;
  readonly debug: DebugInfo | undefined;
  /** The blocks before and after it in its slab. */
  readonly neighbours: readonly (Block | undefined)[];
  /** In a sentence without its full stop. */
  readonly text: string;
}

/** An address in hexadecimal. */
export function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

/** What holds a page. O(pages that belong to it). */
export function pageAnswer(model: DumpModel, frame: number): PageAnswer {
  const state = model.stateOf(frame);
  const group = groupOf(model, frame);
  const slab = slabOf(model, frame);
  const stateLabel = FRAME_STATES[stateIndex(state)]!.label;
  const blocks = slab === undefined ? [] : blocksOfSlab(model, slab);
  const isRun = ["block", "pages", "system", "bucket", "vmalloc", "cached"].includes(state);
  const holder = isRun && model.tables !== undefined ? holderOf(model, group.firstFrame) : undefined;
  return {
    frame,
    state,
    stateLabel,
    ...group,
    blocks,
    slot: holder?.slot,
    text: pageText(model, group, state, holder?.text),
  };
}

function pageText(model: DumpModel, group: PageGroup, state: FrameStateId, holder: string | undefined): string {
  const { firstFrame, pageCount } = group;
  const pages = pageCount === 1 ? "1 page" : `${pageCount.toLocaleString("en")} pages`;
  const from = `from ${hex(firstFrame * PAGE_SIZE)}`;
  const slab = slabOf(model, firstFrame);
  if (slab !== undefined) {
    const inUse = slab.cache.slabBlocks - slab.freeBlocks;
    const { name, slabBlocks } = slab.cache;
    return `a slab of ${name}, ${pages} ${from}: ${inUse} of ${slabBlocks} blocks are not free in it`;
  }
  switch (state) {
    case "free":
      return `a free block of order ${Math.round(Math.log2(pageCount))}, ${pages} ${from}`;
    case "block":
      return `a large block, ${pages} ${from}, of ${holder}`;
    case "pages":
      return `a run of pages that was asked for page by page, ${pages} ${from}, of ${holder}`;
    case "cached":
      return `free pages in the pcp lists of ${holder}, ${pages} ${from}`;
    case "system":
      return `the heap's own pages, ${pages} ${from}, of ${holder}`;
    case "bucket":
      return `pages of buckets, ${pages} ${from}, of ${holder}`;
    case "vmalloc":
      return `pages of virtual memory, ${pages} ${from}, of ${holder}`;
    case "tables":
      return `the heap's header and tables, ${pages} ${from}`;
    case "data":
      return `data of the program, ${pages} ${from}`;
    case "stack":
      return `the stack of the program, ${pages} ${from}`;
    case "program":
      return `memory that is not the heap's, ${pages} ${from}`;
    default:
      return `pages whose state says nothing that can be, ${pages} ${from}`;
  }
}

/** What lives at an address. */
export function addressAnswer(model: DumpModel, address: number): AddressAnswer | undefined {
  if (!(address >= 0 && address < model.memory.byteLength)) return undefined;
  const page = pageAnswer(model, Math.floor(address / PAGE_SIZE));
  const block = blockAt(model, address);
  if (block === undefined) return { address, page, block, debug: undefined, neighbours: [], text: page.text };
  const index = page.blocks.findIndex((one) => one.address === block.address);
  const neighbours = index < 0 ? [] : [page.blocks[index - 1], page.blocks[index + 1]];
  return { address, page, block, debug: debugInfoOf(model, block), neighbours, text: blockText(block, address) };
}

function blockText(block: Block, address: number): string {
  const where = address === block.address ? "the first byte" : `byte ${address - block.address}`;
  const states: Readonly<Record<Block["state"], string>> = {
    live: `live, of slot ${block.slot}`,
    sheaf: `free, in the sheaf of slot ${block.slot}`,
    barn: "free, in the barn of its cache",
    slab: "free, in its slab",
    damaged: "of no state that there is: its tag is damaged",
  };
  const what = `a block of ${block.cache}, ${block.bytes} bytes from ${hex(block.address)}`;
  return `${where} of ${what}: ${states[block.state]}`;
}

/** What stands between a heap and a free block of an order. */
export interface OrderAnswer {
  readonly order: number;
  /** Free blocks of that order or more that there are. */
  readonly freeCount: number;
  /** First page of the stretch in which the least would have to go; undefined where none can become free. */
  readonly firstFrame: number | undefined;
  readonly usedPages: number;
  /** What holds it, each once. */
  readonly holders: readonly PageAnswer[];
}

/** What is between here and a free block of an order: the aligned stretch with the least in it. O(pages). */
export function orderAnswer(model: DumpModel, order: number): OrderAnswer {
  const size = 2 ** Math.min(MAX_ORDER, Math.max(0, Math.floor(order)));
  const { tables } = model;
  const nothing = { order, freeCount: 0, firstFrame: undefined, usedPages: 0, holders: [] };
  if (tables === undefined) return nothing;
  const states = model.states();
  const [free, program] = [stateIndex("free"), stateIndex("program")];
  let best: { firstFrame: number; usedPages: number } | undefined;
  for (let first = Math.ceil(tables.firstPageFrame / size) * size; first + size <= tables.endFrame; first += size) {
    let usedPages = 0;
    for (let frame = first; frame < first + size; frame++) {
      if (states[frame] === program) usedPages = Number.POSITIVE_INFINITY;
      else if (states[frame] !== free) usedPages += 1;
    }
    if (usedPages < (best?.usedPages ?? Number.POSITIVE_INFINITY)) best = { firstFrame: first, usedPages };
  }
  const freeCount = freeBlocksFrom(model, size);
  if (best === undefined) return { ...nothing, freeCount };
  const holders: PageAnswer[] = [];
  for (let frame = best.firstFrame; frame < best.firstFrame + size; ) {
    const group = groupOf(model, frame);
    if (states[frame] !== free) holders.push(pageAnswer(model, frame));
    frame = Math.max(frame + 1, group.firstFrame + group.pageCount);
  }
  return { order, freeCount, ...best, holders };
}

function freeBlocksFrom(model: DumpModel, leastPages: number): number {
  let count = 0;
  for (const [frame, kind] of model.kinds.entries()) {
    if (kind === FrameKind.FREE_HEAD && groupOf(model, frame).pageCount >= leastPages) count += 1;
  }
  return count;
}

/** What the slabs of a cache hold, and whose sheaves have how many of its blocks. */
export interface CacheDetail {
  readonly name: string;
  readonly slabs: readonly {
    readonly firstFrame: number;
    readonly live: number;
    readonly sheaf: number;
    readonly barn: number;
    readonly free: number;
  }[];
  readonly sheaves: readonly { readonly slot: number; readonly blocks: number }[];
}

/** Slabs that are listed of a cache. */
const SLABS_LISTED = 400;

/** Looks at the first slabs of a cache. O(blocks of them). */
export function cacheDetail(model: DumpModel, kind: number): CacheDetail {
  const sheaves = new Map<number, number>();
  const slabs: CacheDetail["slabs"][number][] = [];
  for (const slab of slabsOf(model, kind)) {
    if (slabs.length === SLABS_LISTED) break;
    const counts = { live: 0, sheaf: 0, barn: 0, free: 0 };
    for (const { state, slot = 0 } of blocksOfSlab(model, slab)) {
      if (state === "live" || state === "sheaf" || state === "barn") counts[state] += 1;
      else counts.free += 1;
      if (state === "sheaf") sheaves.set(slot, (sheaves.get(slot) ?? 0) + 1);
    }
    slabs.push({ firstFrame: slab.firstFrame, ...counts });
  }
  const bySlot = [...sheaves].map(([slot, blocks]) => ({ slot, blocks })).sort((a, b) => a.slot - b.slot);
  return { name: model.caches.get(kind)?.name ?? "", slabs, sheaves: bySlot };
}

/** The address in a text that somebody typed: hexadecimal with 0x, or decimal; undefined for anything else. */
export function parseAddress(text: string): number | undefined {
  const trimmed = text.trim().replaceAll(/[_,]/g, "");
  if (!/^(?:0x[0-9a-f]{1,9}|\d{1,10})$/i.test(trimmed)) return undefined;
  return Number(trimmed);
}

/** Bytes of a row of a hex dump. */
export const ROW_BYTES: number = GRANULE;
