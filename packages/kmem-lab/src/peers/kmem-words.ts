import type { Heap } from "kmem";
import { CLASS_COUNT, classBytes, GRANULE, MAX_CLASS_BYTES, PAGE_SIZE } from "kmem/layout";
import { createHeap as createKmem } from "kmem-cli/internal/contenders/kmem";
import type { HeapPlan, ReplayHeap } from "kmem-cli/internal/replay/replay-heap";

/*
 * An experiment: a word for 32 blocks that is their free list and their liveness at once, in place of kmem's tags and
 * sheaves. A set bit is a free block.
 *
 *      alloc: the word of the class's current group (1 load), its lowest bit off (1 store)
 *      free:  slab and class of the frame (3 loads), the block's bit in its word (1 load, 1 store)
 *
 * For one thread. Slabs are runs of a kmem heap's pages, and blocks above the size classes are that heap's. Nothing is
 * ever given back, and no death is recovered from: what this measures is the most that such words could gain.
 */

const GRANULE_SHIFT: number = Math.log2(GRANULE);
const PAGE_SHIFT: number = Math.log2(PAGE_SIZE);
const GROUP_BLOCKS = 32;
const GROUP_SHIFT = 5;
const SLAB_PAGES_MAX = 8;
/** The class of a frame that is no slab's; the others count from 1. */
const NO_CLASS = 0;

/** Pages of a slab: those of 32 blocks, if there are no more than eight. */
function slabPages(blockBytes: number): number {
  return Math.min(SLAB_PAGES_MAX, Math.ceil((GROUP_BLOCKS * blockBytes) / PAGE_SIZE));
}

interface Tables {
  /** Free blocks of each group, a bit each. */
  readonly free: Int32Array;
  readonly groupAddress: Uint32Array;
  /** The next group of its class with free blocks; 0 at the end. */
  readonly nextGroup: Int32Array;
  /** Of each frame: its class, the first byte of its slab, and the slab's first group. */
  readonly classOf: Uint8Array;
  readonly slabStart: Uint32Array;
  readonly firstGroup: Int32Array;
}

function tablesFor({ buffer }: Heap): Tables {
  const frames = buffer.byteLength / PAGE_SIZE;
  // A page has eight groups at the most.
  const groups = frames * (PAGE_SIZE / GRANULE / GROUP_BLOCKS) + 1;
  return {
    free: new Int32Array(groups),
    groupAddress: new Uint32Array(groups),
    nextGroup: new Int32Array(groups),
    classOf: new Uint8Array(frames),
    slabStart: new Uint32Array(frames),
    firstGroup: new Int32Array(frames),
  };
}

function wrong(address: number): never {
  throw new Error(`0x${address.toString(16)} is no live block`);
}

/** Takes a slab for a class and makes its groups the first of the class's; false without memory. */
function grower(heap: Heap, tables: Tables, partial: Int32Array): (index: number, bytes: number) => boolean {
  let groupCount = 1;
  return (index, bytes) => {
    const pages = slabPages(bytes);
    const start = heap.pages.tryAlloc(pages);
    if (start === 0) return false;
    const first = groupCount;
    let left = Math.floor((pages * PAGE_SIZE) / bytes);
    for (let at = start; left > 0; left -= GROUP_BLOCKS, at += GROUP_BLOCKS * bytes) {
      tables.free[groupCount] = left >= GROUP_BLOCKS ? -1 : (1 << left) - 1;
      tables.groupAddress[groupCount] = at;
      tables.nextGroup[groupCount] = partial[index]!;
      partial[index] = groupCount++;
    }
    for (let frame = start >>> PAGE_SHIFT; frame < (start >>> PAGE_SHIFT) + pages; frame++) {
      tables.classOf[frame] = index;
      tables.slabStart[frame] = start;
      tables.firstGroup[frame] = first;
    }
    return true;
  };
}

/** The two paths; a class's index counts from 1. */
function bindPaths(heap: Heap, tables: Tables) {
  const { alloc: allocLarge, free: freeLarge } = heap;
  const { free, groupAddress, nextGroup, classOf, slabStart, firstGroup } = tables;
  const bytesOf = Int32Array.from({ length: CLASS_COUNT + 1 }, (_, index) => (index === 0 ? 0 : classBytes(index - 1)));
  // Rounded up, so that a multiple of the block's bytes never comes out one less.
  const perByte = Float64Array.from(bytesOf, (bytes) => (bytes === 0 ? 0 : (1 + Number.EPSILON * 4) / bytes));
  const sizes = MAX_CLASS_BYTES / GRANULE + 1;
  const classBySize = Uint8Array.from(
    { length: sizes },
    (_, granules) => 1 + bytesOf.subarray(1).findIndex((bytes) => bytes >= granules * GRANULE),
  );
  const [granuleShift, pageShift, groupShift, groupMask] = [GRANULE_SHIFT, PAGE_SHIFT, GROUP_SHIFT, GROUP_BLOCKS - 1];
  const [granuleMask, maxClassBytes] = [GRANULE - 1, MAX_CLASS_BYTES];
  /** Of each class the group that it takes from, and the list of others with free blocks. */
  const current = new Int32Array(CLASS_COUNT + 1);
  const partial = new Int32Array(CLASS_COUNT + 1);
  const grow = grower(heap, tables, partial);

  const refill = (index: number): number => {
    if (partial[index] === 0 && !grow(index, bytesOf[index]!)) return allocLarge(bytesOf[index]!);
    const group = partial[index]!;
    partial[index] = nextGroup[group]!;
    current[index] = group;
    return take(group, index);
  };
  const take = (group: number, index: number): number => {
    const word = free[group]!;
    const bit = 31 - Math.clz32(word & -word);
    free[group] = word & (word - 1);
    return groupAddress[group]! + bit * bytesOf[index]!;
  };
  const alloc = (sizeBytes: number): number => {
    if (!(sizeBytes <= maxClassBytes)) return allocLarge(sizeBytes);
    const index = classBySize[(sizeBytes + granuleMask) >>> granuleShift]!;
    const group = current[index]!;
    const word = free[group]!;
    if (word === 0) return refill(index);
    const bit = 31 - Math.clz32(word & -word);
    free[group] = word & (word - 1);
    return groupAddress[group]! + bit * bytesOf[index]!;
  };
  const release = (address: number): void => {
    const frame = address >>> pageShift;
    const index = classOf[frame]!;
    if (index === NO_CLASS) {
      freeLarge(address);
      return;
    }
    const offset = address - slabStart[frame]!;
    const number = (offset * perByte[index]!) | 0;
    const group = firstGroup[frame]! + (number >>> groupShift);
    const bit = 1 << (number & groupMask);
    const word = free[group]!;
    if ((word & bit) !== 0 || number * bytesOf[index]! !== offset) wrong(address);
    free[group] = word | bit;
    if (word === 0 && group !== current[index]) {
      nextGroup[group] = partial[index]!;
      partial[index] = group;
    }
  };
  const usable = (address: number): number => bytesOf[classOf[address >>> pageShift]!]! || heap.usableSize(address);
  return { alloc, release, usable, isSmall: (address: number) => classOf[address >>> pageShift] !== NO_CLASS };
}

/** The heap with such words, made for a replay. */
export function createHeap(plan: Pick<HeapPlan, "peakLiveBytes" | "memoryBytes">): ReplayHeap {
  const heap = createKmem(plan);
  const { alloc, release, usable, isSmall } = bindPaths(heap, tablesFor(heap));
  const bytes = new Uint8Array(heap.buffer);
  const zeros = heap.calloc(1, MAX_CLASS_BYTES);
  const { calloc: callocLarge, realloc: reallocLarge } = heap;
  const calloc = (count: number, sizeBytes: number): number => {
    const total = count * sizeBytes;
    if (total > MAX_CLASS_BYTES) return callocLarge.call(heap, count, sizeBytes);
    const address = alloc(total);
    // As in kmem: V8 fills shared memory element by element, but copies it word by word.
    bytes.copyWithin(address, zeros, zeros + total);
    return address;
  };
  const realloc = (address: number, sizeBytes: number): number => {
    if (address === 0) return alloc(sizeBytes);
    if (!isSmall(address) && sizeBytes > MAX_CLASS_BYTES) return reallocLarge.call(heap, address, sizeBytes);
    const former = usable(address);
    if (isSmall(address) && sizeBytes <= former && sizeBytes * 2 > former) return address;
    const moved = alloc(sizeBytes);
    bytes.copyWithin(moved, address, address + Math.min(former, sizeBytes));
    release(address);
    return moved;
  };
  return {
    alloc,
    calloc,
    realloc,
    free: (address) => {
      if (address !== 0) release(address);
    },
    alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
    usableSize: usable,
    get footprintBytes() {
      return heap.footprintBytes;
    },
    createCache: (options) => heap.createCache(options),
    pages: heap.pages,
    buffer: heap.buffer,
  };
}
