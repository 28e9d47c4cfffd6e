import { describeValue, isUint32, signedHint } from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { GRANULE, PAGE_SHIFT, PAGE_SIZE } from "../memory/layout.ts";
import { FOREIGN_PHRASE } from "../pages/kind-phrase.ts";
import { FrameKind, FrameRecord, RunKind } from "../pages/layout.ts";
import { runPages } from "../pages/ownership.ts";
import { isLive, SLAB_HEAD_MASK, SLAB_OFFSET_SHIFT } from "../slab/layout.ts";
import { tagIndex } from "../slab/tags.ts";
import type { CoreLayers } from "./layers.ts";

/** A block: what an address inside of it belongs to. */
export interface BlockInfo {
  /** First byte of the block. */
  readonly address: number;
  /** Bytes from `address` on that the block can hold. */
  readonly usableBytes: number;
  /** Name of the cache, or "pages" for a block above the largest class. */
  readonly cache: string;
  /** Whether it is allocated. */
  readonly live: boolean;
  /** The slot that handed it out, while it is live. */
  readonly slot: number | undefined;
}

/** What is known of an address: the sort of memory it lies in and, where there is one, the block around it. */
export interface AddressInfo {
  /** The sort of memory that the address lies in. */
  readonly where:
    | "outside"
    | "metadata"
    | "absent"
    | "foreign"
    | "free page"
    | "page run"
    | "slot"
    | "slab"
    | "block"
    | "bucket"
    | "vmalloc";
  /** The block around it; undefined where there is none. */
  readonly block: BlockInfo | undefined;
}

/** Looks an address up in the frame and tag tables; any value is allowed. O(pages of the block). */
export function describeAddress(layers: CoreLayers, address: number): AddressInfo {
  const { geometry, pages } = layers;
  const frame = frameOf(address);
  if (!(frame >= geometry.baseFrame && frame < geometry.coveredEndFrame)) return { where: "outside", block: undefined };
  const kind = pages.frames.kind(frame);
  if (kind >= FrameKind.FIRST_CACHE) return { where: "slab", block: slabBlock(layers, address, kind) };
  switch (kind) {
    case FrameKind.RESERVED:
      return { where: pages.frames.isForeign(frame) ? "foreign" : "metadata", block: undefined };
    case FrameKind.FREE_HEAD:
    case FrameKind.FREE_TAIL:
    case RunKind.CACHED:
    case RunKind.CACHED + 1:
      return { where: "free page", block: undefined };
    case RunKind.LARGE_BLOCK:
    case RunKind.LARGE_BLOCK + 1:
      return { where: "block", block: runBlock(layers, pages.frames.headOfRun(frame, RunKind.LARGE_BLOCK)) };
    case RunKind.PAGES:
    case RunKind.PAGES + 1:
      return { where: "page run", block: undefined };
    case RunKind.SYSTEM:
    case RunKind.SYSTEM + 1:
      return { where: "slot", block: undefined };
    case RunKind.BUCKET:
    case RunKind.BUCKET + 1:
      return { where: "bucket", block: undefined };
    case RunKind.VMALLOC:
    case RunKind.VMALLOC + 1:
      return { where: "vmalloc", block: undefined };
    default:
      return { where: "absent", block: undefined };
  }
}

/** The frame that an address lies in; NaN for what is no number. */
function frameOf(address: unknown): number {
  return typeof address === "number" ? Math.floor(address / PAGE_SIZE) : Number.NaN;
}

/** The block of a run of pages, by its first frame. */
export function runBlock(layers: CoreLayers, head: number): BlockInfo {
  return blockInfo(layers, runBounds(layers, head), "pages");
}

/** Where the run lies that starts at a frame: within the heap, whatever is said of it. */
function runBounds({ pages: { frames } }: CoreLayers, head: number): BlockBounds {
  return { address: head * PAGE_SIZE, bytes: runPages(frames, head) * PAGE_SIZE };
}

function blockInfo({ memory, geometry }: CoreLayers, { address, bytes }: BlockBounds, cache: string): BlockInfo {
  const tag = memory.bytes[tagIndex(geometry, address)];
  const live = isLive(tag);
  return { address, usableBytes: bytes, cache, live, slot: live ? tag - 1 : undefined };
}

/** Where a block lies. */
export interface BlockBounds {
  readonly address: number;
  readonly bytes: number;
}

/** The block around an address, or undefined where there is none; any value is allowed. O(pages of the block). */
export function boundsAt(layers: CoreLayers, address: number): BlockBounds | undefined {
  const { geometry, pages } = layers;
  const frame = frameOf(address);
  if (!(frame >= geometry.firstPageFrame && frame < geometry.coveredEndFrame)) return undefined;
  const kind = pages.frames.kind(frame);
  if (kind >= FrameKind.FIRST_CACHE) return slabBounds(layers, address, kind);
  if (kind !== RunKind.LARGE_BLOCK && kind !== RunKind.LARGE_BLOCK + 1) return undefined;
  return runBounds(layers, pages.frames.headOfRun(frame, RunKind.LARGE_BLOCK));
}

/** Address of the first block of the slab that a frame belongs to. */
function firstBlock({ memory, pages }: CoreLayers, frame: number): number {
  const head = memory.words[pages.frames.record(frame) + FrameRecord.SLAB_OR_OWNER];
  return (head & SLAB_HEAD_MASK) * PAGE_SIZE + (head >>> SLAB_OFFSET_SHIFT) * GRANULE;
}

/** The block of a slab around an address; undefined in the unused ends of the slab. */
function slabBounds(layers: CoreLayers, address: number, kind: number): BlockBounds | undefined {
  const { caches } = layers;
  const first = firstBlock(layers, address >>> PAGE_SHIFT);
  const bytes = caches.blockBytes(kind);
  const index = Math.floor((address - first) / bytes);
  if (!(index >= 0 && index < caches.slabBlocks(kind))) return undefined;
  return { address: first + index * bytes, bytes };
}

function slabBlock(layers: CoreLayers, address: number, kind: number): BlockInfo | undefined {
  const bounds = slabBounds(layers, address, kind);
  return bounds === undefined ? undefined : blockInfo(layers, bounds, layers.caches.name(kind));
}

/** The error for a free of something that is no live block; it says all that is known of the address. */
export function badFree(layers: CoreLayers, address: unknown): KmemError {
  if (!isUint32(address)) {
    const text = `cannot free ${describeValue(address)}: it is no address${signedHint("address", address)}`;
    return new KmemError("INVALID_FREE", text, { address });
  }
  const info = describeAddress(layers, address);
  const { block } = info;
  const details = { address, where: info.where, block };
  if (block === undefined) {
    const code = info.where === "free page" && address % PAGE_SIZE === 0 ? "DOUBLE_FREE" : "INVALID_FREE";
    return new KmemError(code, `cannot free ${hex(address)}: it ${PHRASES[info.where]}`, details);
  }
  const bounds = `[${hex(block.address)}, ${hex(block.address + block.usableBytes)}) of ${block.cache}`;
  if (address !== block.address) {
    const state = block.live ? `live, slot ${block.slot}` : "free";
    const text = `it lies ${address - block.address} bytes inside of the block ${bounds} (${state})`;
    return new KmemError("INVALID_FREE", `cannot free ${hex(address)}: ${text}`, details);
  }
  return new KmemError("DOUBLE_FREE", `cannot free ${hex(address)}: the block ${bounds} is already free`, details);
}

/** The error for a use of what is no live block. */
export function notLive(layers: CoreLayers, address: unknown): KmemError {
  const info = describeAddress(layers, address as number);
  const text = `no live block starts at ${describeValue(address)} (${info.where})${signedHint("address", address)}`;
  return new KmemError("INVALID_ADDRESS", text, { address, ...info });
}

const PHRASES: Record<AddressInfo["where"], string> = {
  outside: "lies outside of the heap",
  metadata: "belongs to the header and the tables of the heap",
  absent: "lies beyond the present end of the heap",
  foreign: FOREIGN_PHRASE,
  "free page": "lies in a free page",
  "page run": "belongs to pages from heap.pages; free them there",
  slot: "belongs to the private pages of a slot",
  bucket: "belongs to a bucket; free it through the face that made it",
  vmalloc: "belongs to vmalloc",
  slab: "lies in the unused end of a slab",
  block: "belongs to no block",
};

/** Live blocks in address order. The generator reads the tables as it goes; do not allocate or free meanwhile. */
export function liveBlocks(layers: CoreLayers): Generator<BlockInfo> {
  return blocks(layers, false);
}

/** As {@link liveBlocks}, with the free blocks of all slabs. */
export function everyBlock(layers: CoreLayers): Generator<BlockInfo> {
  return blocks(layers, true);
}

function* blocks(layers: CoreLayers, areFreeToo: boolean): Generator<BlockInfo> {
  const { geometry, pages, memory } = layers;
  const { frames } = pages;
  // A damaged end may lie anywhere.
  const end = Math.min(frames.endFrame, geometry.coveredEndFrame);
  // Frame by frame: while other threads work, no count says where the next slab or block begins.
  for (let frame = geometry.firstPageFrame; frame < end; frame++) {
    const kind = frames.kind(frame);
    const head = memory.words[frames.record(frame) + FrameRecord.SLAB_OR_OWNER];
    if (kind >= FrameKind.FIRST_CACHE && (head & SLAB_HEAD_MASK) === frame && head >= 0) {
      yield* blocksOf(layers, frame, kind, areFreeToo);
    } else if (kind === RunKind.LARGE_BLOCK) yield runBlock(layers, frame);
  }
}

function* blocksOf(layers: CoreLayers, slab: number, kind: number, areFreeToo: boolean): Generator<BlockInfo> {
  const { memory, geometry, caches } = layers;
  const usableBytes = caches.blockBytes(kind);
  const first = firstBlock(layers, slab);
  const cache = caches.name(kind);
  const count = caches.slabBlocks(kind);
  const end = Math.min(layers.pages.frames.endFrame, geometry.coveredEndFrame) * PAGE_SIZE;
  for (let index = 0; index < count; index++) {
    const address = first + index * usableBytes;
    if (address + usableBytes > end) return;
    const tag = memory.bytes[tagIndex(geometry, address)];
    const live = isLive(tag);
    if (!live && !areFreeToo) continue;
    yield { address, usableBytes, cache, live, slot: live ? tag - 1 : undefined };
  }
}
