import { type AllocationSite, allocationSites } from "../../debug/leaks.ts";
import type { TrackedHeap } from "../../debug/tracked-heap.ts";
import { viewedLayers } from "../../heap/access.ts";
import type { Layers } from "../../kmalloc/layers.ts";
import {
  anyValue,
  badArgument,
  type Checks,
  readList,
  readOptions,
  requireFunctions,
  requireUint32,
} from "../../memory/arguments.ts";
import { PAGE_SIZE, WORD_BYTES } from "../../memory/layout.ts";
import { pagesBeforeHeap, type Stretch } from "./pages.ts";

/** Where a program keeps pointers to its blocks, besides in other blocks. */
export interface ProgramRoots {
  /** The first byte of the memory that is no static data, nor stack, of the program's: all below is looked through. */
  readonly heapBase: number;
  /**
   * The stack pointer, and the lowest address of the stack: what lies between them is left over from calls that have
   * ended. Without it what is forgotten may seem to be reachable from there.
   */
  readonly stack?: { readonly low: number; readonly pointer: number };
  /**
   * Addresses of blocks that are in use though nobody in the memory may say so: locals are not in it. They are neither
   * lost nor told as reachable; what they lead to is reachable.
   */
  readonly pointers?: readonly number[];
}

/** What a program has not freed, by the place where it was allocated, those with the most bytes first. */
export interface ProgramLeaks {
  /** Nothing leads to these any more. */
  readonly lost: readonly AllocationSite[];
  /** The program still has pointers to these, or to what leads to them. */
  readonly reachable: readonly AllocationSite[];
}

const ROOT_CHECKS: Checks<ProgramRoots> = { heapBase: requireUint32, stack: anyValue, pointers: anyValue };
const STACK_CHECKS: Checks<NonNullable<ProgramRoots["stack"]>> = { low: requireUint32, pointer: requireUint32 };

/** Roots as they were given, read once: between `low` and `pointer` is what calls that have ended have left. */
export interface ReadRoots {
  readonly heapBase: number;
  readonly low: number;
  readonly pointer: number;
  readonly pointers: readonly number[];
}

/** Throws BAD_ARGUMENT. */
export function readRoots(roots: ProgramRoots): ReadRoots {
  const { heapBase, stack, pointers } = readOptions("roots", roots, ROOT_CHECKS);
  if (heapBase === undefined) throw badArgument("heapBase", "the first byte after the program's data", heapBase);
  const list = pointers === undefined ? [] : (readList("pointers", pointers) as number[]);
  const { low, pointer } = stack === undefined ? { low: 0, pointer: 0 } : readOptions("stack", stack, STACK_CHECKS);
  return { heapBase, low, pointer, pointers: list };
}

/** Where a program's pointers may stand, besides in blocks: its data, its live stack, and pages of its own. */
export function programStretches(
  layers: Layers,
  { heapBase, low, pointer }: Pick<ReadRoots, "heapBase" | "low" | "pointer">,
): Stretch[] {
  const before = pagesBeforeHeap(layers.memory.source) ?? stretch(heapBase, heapBase);
  return [stretch(0, Math.min(low, heapBase)), stretch(Math.max(low, pointer), heapBase), before, ...foreign(layers)];
}

/**
 * Tells what a program has forgotten from what it just has not freed, as kmemleak does: every word of its data, its
 * stack and its own pages, and of all that is found from there, counts as a pointer where it may be one. For a
 * `DebugHeap` over the program's memory, with the letter U; the program must be at rest. Throws BAD_ARGUMENT. O(bytes).
 */
export function programLeaks(heap: TrackedHeap, roots: ProgramRoots): ProgramLeaks {
  const layers = viewedLayers(heap);
  requireFunctions("heap", heap, ["leaks", "scanForLeaks"]);
  const read = readRoots(roots);
  const list = read.pointers;
  const stretches = programStretches(layers, read);
  const lost = heap.scanForLeaks({ roots: [...stretches, ...list] });
  const isKnown = new Set([...lost.map(({ address }) => address), ...list]);
  const live = heap.leaks().flatMap(({ objects }) => objects);
  return {
    lost: allocationSites(lost),
    reachable: allocationSites(live.filter(({ address }) => !isKnown.has(address))),
  };
}

function stretch(from: number, to: number): Stretch {
  const address = Math.ceil(from / WORD_BYTES) * WORD_BYTES;
  return { address, bytes: Math.max(0, to - address) };
}

/** Pages that the program has added to the memory by itself. */
function foreign({ memory, geometry, pages }: Layers): Stretch[] {
  const { frames } = pages;
  const found: Stretch[] = [];
  for (let frame = geometry.firstPageFrame; frame < frames.endFrame; frame++) {
    if (frames.isForeign(frame)) found.push({ address: frame * PAGE_SIZE, bytes: PAGE_SIZE });
  }
  return [...found, stretch(frames.endFrame * PAGE_SIZE, memory.bytes.length)];
}
