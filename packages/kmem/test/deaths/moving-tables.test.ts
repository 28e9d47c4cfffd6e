import { describe, expect, it } from "vitest";
import { blocksOf, checkDump, checkHeap, heapStats, loadDump, repairDump } from "../../src/index.ts";
import { Header } from "../../src/layout.ts";
import { writeDump } from "../../src/memory/dump.ts";
import { call } from "../interleave/call.ts";
import { TrackedMemories } from "../interleave/runtime/tracked-memory.ts";
import type { Heap } from "../interleave/scenarios/kmem.ts";
import { expectClean } from "../support/expectations.ts";
import { fillPattern, patternFault } from "../support/pattern.ts";
import { mortalKmem } from "./kmem.ts";
import { live } from "./mortal.ts";

// Only memory of one thread has tables that move: nobody is there who could recover from its death. But the memory may
// be looked at and worked on afterwards, through a dump.

const kmem = mortalKmem();
const BLOCK_BYTES = 5000;
/** A block that is a run of pages, which the heap has not. */
const RUN_BYTES = 200_000;
/** Pages of WebAssembly that the program adds to the memory before the heap grows it. */
const PROGRAM_PAGES = 2;

interface Scene {
  readonly heap: Heap;
  readonly blocks: readonly number[];
}

/** A heap of one thread that the next run of pages makes grow, past what its tables describe. */
function scene(hasProgram: boolean): Scene {
  kmem.library.runtime.beginRun();
  kmem.library.runtime.memories = new TrackedMemories({ isTracked: false });
  const options = { sizeBytes: 192 * 1024, maximumBytes: 4 * 1024 * 1024, shared: false, slotCount: 1 };
  const [heap] = kmem.heaps(1, options).heaps as [Heap];
  const blocks: number[] = [];
  while (heapStats(heap).bytes.freePageBytes >= 2 * BLOCK_BYTES) {
    const block = heap.alloc(BLOCK_BYTES);
    fillPattern(new Uint8Array(heap.buffer), block, block + BLOCK_BYTES, block >>> 4);
    blocks.push(block);
  }
  heap.free(blocks.pop() as number);
  kmem.library.runtime.loneMemory = heap.source as WebAssembly.Memory;
  if (hasProgram) (heap.source as WebAssembly.Memory).grow(PROGRAM_PAGES);
  return { heap, blocks };
}

/**
 * What is wrong with a copy of the memory once it is opened. A repair may keep pages as nobody's: nothing tells it a
 * growth that has not ended from a damaged note of one.
 */
function faultsOf({ heap, blocks }: Scene, dump: Uint8Array, open: (dump: Uint8Array) => ReturnType<typeof loadDump>) {
  const copy = open(dump);
  const faults = checkHeap(copy).findings.map(({ problem, address }) => `${problem} (${address})`);
  const bytes = new Uint8Array(copy.buffer);
  const found = new Set([...blocksOf(copy)].map(({ address }) => address));
  for (const block of blocks) {
    if (!found.has(block)) faults.push(`the block at ${block} is gone`);
    if (patternFault(bytes, block, block + BLOCK_BYTES, block >>> 4) !== -1) faults.push(`what is in ${block} is not`);
  }
  if (open !== loadDump) return faults;
  for (const { address } of [...blocksOf(copy)]) copy.free(address);
  copy.trim();
  const { freePageBytes, totalBytes, metadataBytes, slotBytes } = heapStats(copy).bytes;
  const lost = totalBytes - freePageBytes - metadataBytes - slotBytes;
  if (lost !== 0) faults.push(`${lost} bytes are in use where nothing is live`);
  faults.push(...checkHeap(copy).findings.map(({ problem }) => `freed: ${problem}`));
  if (heapStats(heap).startAddress !== 0) faults.push("the heap does not begin at byte 0");
  return faults;
}

/** The first store at each place, and the last one; counted from 1. */
function unlikePoints(sites: readonly number[]): number[] {
  const isLast = (site: number, index: number): boolean => index > 0 && sites.lastIndexOf(site) === index;
  return sites.flatMap((site, index) => (sites.indexOf(site) === index || isLast(site, index) ? [index + 1] : []));
}

function loadRepaired(dump: Uint8Array): ReturnType<typeof loadDump> {
  const { dump: repaired, remaining } = repairDump(dump);
  if (repaired === undefined) throw new Error(remaining[0]?.problem);
  return loadDump(repaired);
}

const memoryOf = (heap: Heap): Uint8Array => new Uint8Array((heap.source as WebAssembly.Memory).buffer);

describe.each([
  ["the end of the heap", false],
  ["pages that a program has added", true],
])("a thread that is stopped while its tables move, after %s", (_name, hasProgram) => {
  it("leaves the old tables or the new ones, and no page is lost", () => {
    const whole = scene(hasProgram);
    const before = heapStats(whole.heap);
    const { stores, storeSites, error } = live(kmem.library.runtime, call(whole.heap, "alloc", RUN_BYTES));
    expect(error).toBeUndefined();
    const after = heapStats(whole.heap);
    expect(after.bytes.metadataBytes).toBeGreaterThan(before.bytes.metadataBytes);
    expectClean(whole.heap);
    const places = new Set(storeSites.map((site) => kmem.library.place(site).replace(/:\d+:\d+$/, "")));
    expect(places).toContain("pages/moving-tables.ts");
    const faults: string[] = [];
    let torn = 0;
    // What the buddy lists do then is the same after the program's pages.
    const isWanted = (storesMade: number): boolean =>
      !hasProgram || !kmem.library.place(storeSites[storesMade - 1] as number).startsWith("pages/buddy.ts");
    const points = unlikePoints(storeSites).filter(isWanted);
    for (const storesMade of points) {
      const killed = scene(hasProgram);
      live(kmem.library.runtime, call(killed.heap, "alloc", RUN_BYTES), storesMade);
      const dump = writeDump(memoryOf(killed.heap), 0);
      const place = kmem.library.place(storeSites[storesMade - 1] as number);
      if (!checkDump(dump).isClean) torn++;
      // Locks are not taken in memory of one thread, so that nothing else says what was under way.
      const isGrowing = new Int32Array(memoryOf(killed.heap).buffer)[Header.GROWTH_JOURNAL] !== 0;
      const opened = [
        ...(isGrowing ? faultsOf(killed, dump, loadDump) : []),
        ...faultsOf(killed, dump, loadRepaired).map((fault) => `repaired: ${fault}`),
      ];
      faults.push(...opened.map((fault) => `after ${storesMade} stores, at ${place}: ${fault}`));
    }
    expect(faults).toEqual([]);
    expect(torn).toBeGreaterThan(0);
    console.log(`${stores} stores, a thread stopped after ${points.length} of them; ${torn} heaps were not at rest`);
  });
});
