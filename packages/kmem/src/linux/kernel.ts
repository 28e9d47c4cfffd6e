import { OutOfMemoryError } from "../memory/errors.ts";
import type { Geometry } from "../memory/header.ts";
import { PAGE_SIZE, WORD_SHIFT } from "../memory/layout.ts";
import { describeValue, type LinearMemory } from "../memory/memory.ts";
import { NO_FRAME, RunKind } from "../pages/layout.ts";
import type { PageAllocator, PageRequest } from "../pages/page-allocator.ts";
import type { CacheTable } from "../slab/cache-table.ts";
import { Vmalloc } from "../vmalloc/vmalloc.ts";
import { __GFP_DMA, __GFP_HIGH, __GFP_WAIT, GFP_MASK } from "./flags.ts";
import { ANCHOR_MAGIC, AnchorWord } from "./layout.ts";

export const NULL = 0;

/** What runs once for each block of a slab. */
export interface BlockFunctions {
  readonly construct?: ((address: number) => void) | undefined;
  readonly destruct?: ((address: number) => void) | undefined;
}

/** How the face makes a cache. */
export interface KernelCacheOptions extends BlockFunctions {
  readonly name: string;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
  readonly colourBytes?: number;
  readonly dma: boolean;
  readonly keepsSlabs: boolean;
  readonly ownerFlags: number;
}

/** A cache of the heap, as far as the face uses it. */
export interface KernelCache {
  readonly name: string;
  alloc(): number;
  tryAlloc(): number;
  free(address: number): void;
  shrink(slabLimit?: number): number;
  destroy(): void;
  stats(): { readonly liveBlocks: number; readonly sheafBlocks: number; readonly freeBlocks: number };
}

/** The heap, as far as the face uses it. */
export interface KernelHeap {
  alloc(sizeBytes: number): number;
  tryAlloc(sizeBytes: number): number;
  free(address: number): void;
  trim(): number;
  blockAt(
    address: number,
  ):
    | { readonly address: number; readonly usableBytes: number; readonly cache: string; readonly live: boolean }
    | undefined;
  createCache(options: KernelCacheOptions): KernelCache;
  openCache(name: string, functions: BlockFunctions): KernelCache;
}

/** What all functions of the face work on. */
export interface Kernel {
  readonly memory: LinearMemory;
  readonly geometry: Geometry;
  readonly pages: PageAllocator;
  readonly caches: CacheTable;
  readonly heap: KernelHeap;
  readonly vm: Vmalloc;
  readonly print: (message: string) => void;
}

/** What {@link openVirtualMemory} works on. */
type AnchorContext = Pick<Kernel, "memory" | "geometry" | "pages">;

/**
 * Opens the virtual memory that the anchor page leads to, and makes both the first time. Undefined, with nothing
 * changed, when there are no pages for them. O(pages).
 */
export function openVirtualMemory(context: AnchorContext): Vmalloc | undefined {
  const { memory, pages } = context;
  const anchor = findAnchor(context);
  if (anchor !== NO_FRAME) return Vmalloc.attach(context, vmallocAnchor(anchor));
  const frame = pages.allocate(1, RunKind.SYSTEM);
  if (frame === NO_FRAME) return undefined;
  const word = firstWord(frame);
  memory.words.fill(0, word, word + (PAGE_SIZE >>> WORD_SHIFT));
  const vm = Vmalloc.create(context, vmallocAnchor(frame));
  if (vm === undefined) pages.free(frame, 1, RunKind.SYSTEM);
  else memory.words[word + AnchorWord.MAGIC] = ANCHOR_MAGIC;
  return vm;
}

function findAnchor({ memory, geometry, pages }: AnchorContext): number {
  const { frames } = pages;
  for (let frame = geometry.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.kind(frame) === RunKind.SYSTEM && memory.words[firstWord(frame)] === ANCHOR_MAGIC) return frame;
  }
  return NO_FRAME;
}

function firstWord(frame: number): number {
  return (frame * PAGE_SIZE) >>> WORD_SHIFT;
}

function vmallocAnchor(frame: number): number {
  return (firstWord(frame) + AnchorWord.VMALLOC) * (1 << WORD_SHIFT);
}

/** Whether a number is a size_t; prints the call's complaint where it is none. */
export function isSize({ print }: Kernel, caller: string, size: number): boolean {
  if (Number.isInteger(size) && size >= 0) return true;
  print(`${caller}: not a size: ${describeValue(size)}`);
  return false;
}

/** Whether a number is a combination of flags; prints the call's complaint where it is none. */
export function areFlags({ print }: Kernel, caller: string, flags: number, mask: number = GFP_MASK): boolean {
  if (Number.isInteger(flags) && flags >= 0 && (flags & ~mask) === 0 && flags <= mask) return true;
  print(`${caller}: not a combination of flags: ${describeValue(flags)}`);
  return false;
}

export function mayWait(gfp: number): boolean {
  return (gfp & __GFP_WAIT) !== 0;
}

/** The reserve is for those who must not wait and say that it matters. */
export function usesReserve(gfp: number): boolean {
  return (gfp & (__GFP_WAIT | __GFP_HIGH)) === __GFP_HIGH;
}

/** Where there is no DMA zone, all memory is good for DMA. */
export function wantsDma({ geometry }: Kernel, gfp: number): boolean {
  return (gfp & __GFP_DMA) !== 0 && geometry.dmaFrames > 0;
}

export function pageRequest(kernel: Kernel, gfp: number): PageRequest {
  return { reserve: usesReserve(gfp), dma: wantsDma(kernel, gfp) };
}

/** Tries once more when there was nothing and the caller may wait for what lies idle to be reclaimed. */
export function orReclaim(kernel: Kernel, gfp: number, allocate: () => number): number {
  kernel.memory.refresh();
  const got = allocate();
  return got === NULL && mayWait(gfp) && kernel.heap.trim() > 0 ? allocate() : got;
}

/** What an allocation returns, NULL where it says that there is no memory. */
export function orNull(allocate: () => number): number {
  try {
    return allocate();
  } catch (error) {
    if (error instanceof OutOfMemoryError) return NULL;
    throw error;
  }
}

/** Hexadecimal digits of a pointer as a 32-bit kernel prints it. */
const POINTER_DIGITS = 8;

/** A pointer as %p. */
export function pointer(address: number): string {
  if (!Number.isInteger(address) || address < 0) return describeValue(address);
  return address.toString(16).padStart(POINTER_DIGITS, "0");
}
