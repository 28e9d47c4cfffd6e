import {
  type Cache,
  checkHeap,
  dumpHeap,
  Heap,
  type HeapOptions,
  heapStats,
  OutOfMemoryError,
} from "../../src/index.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { fillPattern } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

/** Something live in a heap: a block, an object of a cache, or pages; its bytes hold the pattern of its address. */
export interface Belonging {
  readonly address: number;
  readonly bytes: number;
  /** The cache whose object it is; undefined for blocks and pages. */
  readonly cache: string | undefined;
  readonly pageCount: number;
}

/** A heap at rest, as a dump, and all that is live in it. */
export interface Scene {
  readonly name: string;
  /** Whether entries of sheaves may be stale, since threads may free a block at the same moment. */
  readonly isStalePossible: boolean;
  readonly isExact: boolean;
  readonly dump: Uint8Array;
  readonly belongings: readonly Belonging[];
  /** Where the pages begin and end that a program has added to the memory; none of their bytes is in the dump. */
  readonly program: readonly (readonly [start: number, end: number])[];
}

/** Pages, or 0 where there are none. */
export function tryPages(heap: Heap, count: number, dma = false): number {
  try {
    return heap.pages.tryAlloc(count, { dma });
  } catch (error) {
    if (error instanceof OutOfMemoryError) return 0;
    throw error;
  }
}

/** What is live, and where it is from. */
class Household {
  readonly belongings = new Map<number, Belonging>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  add(heap: Heap, address: number, bytes: number, cache?: string, pageCount = 0): void {
    if (address === 0) return;
    fillPattern(new Uint8Array(heap.buffer), address, address + bytes, address >>> 4);
    this.belongings.set(address, { address, bytes, cache, pageCount });
  }

  blocks(heap: Heap, count: number, limitBytes: number): void {
    for (let n = 0; n < count; n++) {
      const size = this.#random.size(limitBytes);
      this.add(heap, heap.tryAlloc(size), size);
    }
  }

  objects(heap: Heap, cache: Cache, name: string, count: number, bytes: number): void {
    for (let n = 0; n < count; n++) this.add(heap, cache.tryAlloc(), bytes, name);
  }

  pages(heap: Heap, counts: readonly number[], dma = false): void {
    for (const count of counts) {
      const address = tryPages(heap, count, dma);
      this.add(heap, address, count * PAGE, undefined, count);
    }
  }

  /** Gives a share of what is live back, through whichever heap. */
  drop(heaps: readonly Heap[], caches: ReadonlyMap<string, readonly Cache[]>, share: number): void {
    for (const one of [...this.belongings.values()]) {
      if (this.#random.below(100) >= share * 100) continue;
      const index = this.#random.below(heaps.length);
      const heap = heaps[index] as Heap;
      const cache = one.cache === undefined ? undefined : caches.get(one.cache)?.[index];
      if (cache !== undefined) cache.free(one.address);
      else if (one.pageCount > 0) heap.pages.free(one.address, one.pageCount);
      else heap.free(one.address);
      this.belongings.delete(one.address);
    }
  }
}

/** Bytes of the DMA zone. */
const DMA_BYTES = 200_000;

const CACHES = [
  { name: "objects", sizeBytes: 72, alignmentBytes: 8 },
  { name: "coloured", sizeBytes: 300, colourBytes: 32 },
  { name: "large", sizeBytes: 9000 },
];

const WASM_PAGE = 65_536;

/** A heap that so many slots have worked on, each from this thread. Before each a program may add to the memory. */
function scene(name: string, seed: number, slotCount: number, options: HeapOptions, programPages = 0): Scene {
  const program: [number, number][] = [];
  const random = new Random(seed);
  const first = Heap.create({ ...options, dmaBytes: DMA_BYTES });
  const household = new Household(random);
  const caches = new Map<string, Cache[]>();
  for (const one of CACHES) caches.set(one.name, [first.createCache(one)]);
  first.createCache({ name: "idle", sizeBytes: 500 });
  const heaps = [first];
  for (let slot = 1; slot < slotCount; slot++) {
    const heap = Heap.attach(first.reserve());
    heaps.push(heap);
    for (const { name: cache } of CACHES) caches.get(cache)?.push(heap.openCache(cache));
  }
  for (const [index, heap] of heaps.entries()) {
    if (programPages > 0) {
      const start = (first.source as WebAssembly.Memory).grow(programPages) * WASM_PAGE;
      program.push([start, start + programPages * WASM_PAGE]);
    }
    household.blocks(heap, 300, 3000);
    household.blocks(heap, 300, 128);
    household.blocks(heap, 20, 40_000);
    household.pages(heap, [1, 1, 2, 5, 3]);
    household.pages(heap, [2], true);
    for (const { name: cache, sizeBytes } of CACHES) {
      const opened = caches.get(cache)?.[index] as Cache;
      household.objects(heap, opened, cache, cache === "large" ? 5 : 50, sizeBytes);
    }
  }
  household.drop(heaps, caches, 0.5);
  const dump = dumpHeap(first);
  const { findings } = checkHeap(first);
  if (findings.length > 0) throw new Error(`${name}: ${findings[0]?.problem}`);
  const isExact = options.exactFrees === true;
  return {
    name,
    isExact,
    isStalePossible: slotCount > 1 && !isExact,
    dump,
    belongings: [...household.belongings.values()],
    program: program.filter(([, end]) => end < heapStats(first).endAddress),
  };
}

/** The heaps that are damaged. */
export function scenes(): Scene[] {
  return [
    scene("one slot", 1, 1, { sizeBytes: 2 * MIB }),
    scene("three slots", 2, 3, { sizeBytes: 4 * MIB, slotCount: 8 }),
    scene("grown, exact frees", 3, 2, { sizeBytes: MIB, maximumBytes: 8 * MIB, exactFrees: true }),
    scene("grown among a program's pages", 4, 3, { sizeBytes: MIB, maximumBytes: 8 * MIB }, 2),
  ];
}
