import { layersOf } from "../../../src/heap/access.ts";
import { blocksOf, checkHeap, heapStats } from "../../../src/index.ts";
import { allSheaves } from "../../../src/kmalloc/layers.ts";
import { GRANULE_SHIFT, PAGE_SHIFT } from "../../../src/memory/layout.ts";
import { FrameKind } from "../../../src/pages/layout.ts";
import { isLive, Tag } from "../../../src/slab/layout.ts";
import { type Outcome, unexpectedEnds } from "../explore/scenario.ts";
import type { Heap, Heaps } from "./kmem.ts";

/** Where blocks are said to be: the same block in two places, or in none, is a broken heap. */
function placesOf(heap: Heap): Map<number, string[]> {
  const places = new Map<number, string[]>();
  const add = (address: number, place: string): void => {
    places.set(address, [...(places.get(address) ?? []), place]);
  };
  const layers = layersOf(heap);
  for (const [slot, sheaves] of allSheaves(layers)) {
    for (const kind of layers.caches.kinds()) {
      for (const entry of sheaves.entries(kind)) add(entry, `the sheaf of slot ${slot}`);
    }
  }
  for (const kind of layers.caches.kinds()) for (const entry of layers.barns.entries(kind)) add(entry, "the barn");
  return places;
}

/**
 * Counts every block once, by the tags alone and by the stacks alone, and compares: each block of a slab is live, in a
 * sheaf, in the barn or in its slab. Written apart from the library's own check.
 */
function conservationProblems(heap: Heap): string[] {
  const { geometry, memory, pages } = layersOf(heap);
  const problems: string[] = [];
  const places = placesOf(heap);
  const baseByte = geometry.baseFrame << PAGE_SHIFT;
  for (let frame = geometry.firstPageFrame; frame < pages.frames.endFrame; frame++) {
    if (memory.bytes[geometry.kindTable - geometry.baseFrame + frame] < FrameKind.FIRST_CACHE) continue;
    const first = frame << PAGE_SHIFT;
    for (let address = first; address < first + (1 << PAGE_SHIFT); address += 1 << GRANULE_SHIFT) {
      const tag = memory.bytes[geometry.tagTable + ((address - baseByte) >>> GRANULE_SHIFT)];
      const found = places.get(address) ?? [];
      places.delete(address);
      const expected = tag === Tag.IN_BARN ? "the barn" : `the sheaf of slot ${tag - Tag.FIRST_CACHED}`;
      const isStacked = tag === Tag.IN_BARN || (tag >= Tag.FIRST_CACHED && tag !== Tag.IN_SLAB);
      const isRight = isStacked ? found.length === 1 && found[0] === expected : found.length === 0;
      if (!isRight) problems.push(`block ${address} with tag ${tag} is in: ${found.join(", ") || "nothing"}`);
      if (isLive(tag) && isStacked) problems.push(`block ${address} is live and free at once`);
    }
  }
  for (const [address, found] of places) problems.push(`${address}, no block of a slab, is in ${found.join(", ")}`);
  const { totalBytes, ...parts } = heapStats(heap).bytes;
  const sum = Object.values(parts).reduce((total, bytes) => total + bytes, 0);
  if (sum !== totalBytes) problems.push(`the parts of the memory add up to ${sum} bytes of ${totalBytes}`);
  return problems;
}

/** What every scenario of heaps asks at its end: all threads ended well, the heap is sound, these blocks are live. */
export function heapProblems({ heaps }: Heaps, outcome: Outcome, liveBlocks: readonly number[]): string[] {
  return [...unexpectedEnds(outcome), ...stateProblems(heaps[0] as Heap, liveBlocks)];
}

/** The same of the heap alone, whatever became of the threads. */
export function stateProblems(heap: Heap, liveBlocks: readonly number[]): string[] {
  const findings = checkHeap(heap).findings.map(({ address, problem }) => `at ${address}: ${problem}`);
  const live = [...blocksOf(heap)].map(({ address }) => address);
  const expected = [...liveBlocks].sort((a, b) => a - b);
  const isSame = live.length === expected.length && live.every((address, number) => address === expected[number]);
  const difference = isSame ? [] : [`live blocks are ${live.join()}, not ${expected.join()}`];
  return [...findings, ...difference, ...conservationProblems(heap)];
}
