import { blocksOf, type Cache, checkHeap, dumpHeap, Heap, heapStats, KmemError, loadDump } from "../../src/index.ts";
import { fillPattern, patternFault, stamp, stampFault } from "../support/pattern.ts";

/** One operation as data, so that a list of them can be shrunk: what to do, and two numbers that say with what. */
export interface Operation {
  readonly name: OperationName;
  readonly pick: number;
  readonly size: number;
}

/** How often each operation is drawn, in parts of the sum. */
export const OPERATION_WEIGHTS = {
  alloc: 300,
  tryAlloc: 60,
  calloc: 30,
  realloc: 60,
  alignedAlloc: 25,
  free: 420,
  badFree: 10,
  createCache: 2,
  cacheAlloc: 60,
  cacheFree: 60,
  shrinkCache: 2,
  destroyCache: 2,
  pageAlloc: 12,
  pageFree: 14,
  trim: 1,
  attach: 2,
  reload: 1,
} as const;
export type OperationName = keyof typeof OPERATION_WEIGHTS;
export const OPERATION_NAMES = Object.keys(OPERATION_WEIGHTS) as OperationName[];

interface Block {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
  /** Index of the cache that it is from, -1 for a block of kmalloc. */
  readonly cache: number;
}

interface Run {
  readonly address: number;
  readonly count: number;
  readonly seed: number;
}

interface ModelCache {
  /** Undefined once the memory was loaded anew: then only `heap.free` takes its objects. */
  face: Cache | undefined;
  readonly name: string;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
  objectCount: number;
}

export interface ModelOptions {
  /** Sizes go up to this. */
  readonly maximumBytes: number;
  readonly maximumPages: number;
  /** The most blocks at a time. */
  readonly maximumBlocks: number;
}

const PAGE = 4096;
const CACHE_LIMIT = 12;

/** Thrown when the heap and the model disagree. */
export class Disagreement extends Error {}

function require(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Disagreement(what);
}

/**
 * A heap and, beside it, plain lists of what it has handed out. Each step does one operation on both; whatever differs
 * from what the lists say is thrown as a {@link Disagreement}.
 */
export class Model {
  heap: Heap;
  readonly #options: ModelOptions;
  #blocks: Block[] = [];
  #runs: Run[] = [];
  #caches: ModelCache[] = [];
  #seed = 1;
  #cacheNumber = 0;
  #bytes!: Uint8Array;
  /** Requests that found no memory. */
  failureCount = 0;

  constructor(heap: Heap, options: ModelOptions) {
    this.heap = heap;
    this.#options = options;
    this.#refresh();
  }

  get liveCount(): number {
    return this.#blocks.length;
  }

  step({ name, pick, size }: Operation): void {
    this.#refresh();
    this.#steps[name](pick, size);
  }

  readonly #steps: Record<OperationName, (pick: number, size: number) => void> = {
    alloc: (_pick, size) => this.#allocate(this.#sizeOf(size), 16, (bytes) => this.heap.alloc(bytes)),
    tryAlloc: (_pick, size) => this.#allocate(this.#sizeOf(size), 16, (bytes) => this.heap.tryAlloc(bytes)),
    calloc: (pick, size) => {
      const count = 1 + (pick % 7);
      const bytes = Math.floor(this.#sizeOf(size) / count);
      const address = this.#allocate(count * bytes, 16, () => this.heap.calloc(count, bytes), false);
      if (address === 0) return;
      const end = address + count * bytes;
      for (let at = address; at < end; at++) require(this.#bytes[at] === 0, `calloc left byte ${at} dirty`);
      this.#stampLast();
    },
    alignedAlloc: (pick, size) => {
      const alignment = 2 ** (pick % 15);
      this.#allocate(this.#sizeOf(size), alignment, (bytes) => this.heap.alignedAlloc(alignment, bytes));
    },
    realloc: (pick, size) => this.#reallocate(pick, this.#sizeOf(size)),
    free: (pick) => this.#free(pick),
    badFree: (pick, size) => this.#badFree(pick, size),
    createCache: (pick, size) => this.#createCache(pick, size),
    cacheAlloc: (pick) => this.#cacheAllocate(pick),
    cacheFree: (pick) => this.#cacheFree(pick),
    shrinkCache: (pick) => void this.#caches[pick % Math.max(1, this.#caches.length)]?.face?.shrink(),
    destroyCache: (pick) => this.#destroyCache(pick),
    pageAlloc: (pick, size) => this.#allocatePages(pick, size),
    pageFree: (pick, size) => this.#freePages(pick, size),
    trim: () => void this.heap.trim(),
    attach: () => {
      this.heap = Heap.attach(this.heap.source, { start: heapStats(this.heap).startAddress });
    },
    reload: () => {
      this.heap = loadDump(dumpHeap(this.heap));
      // Their faces stand for the memory that was left behind.
      for (const cache of this.#caches) cache.face = undefined;
      this.#refresh();
    },
  };

  /** Compares everything: findings of the check, the list of live blocks, their contents, the sums of the figures. */
  verify(): void {
    this.#refresh();
    const { findings } = checkHeap(this.heap);
    require(findings.length === 0, `check: ${JSON.stringify(findings.slice(0, 5))}`);
    const expected = new Map(this.#blocks.map((block) => [block.address, block]));
    let found = 0;
    for (const info of blocksOf(this.heap)) {
      const block = expected.get(info.address);
      require(block !== undefined, `blocks() has ${info.address}, which was never handed out`);
      require(info.usableBytes >= block.sizeBytes, `the block at ${info.address} is too small`);
      if (block.cache >= 0) require(info.cache === this.#cacheOf(block).name, "an object is in another cache");
      found++;
    }
    require(found === expected.size, `blocks() lists ${found} of ${expected.size} blocks`);
    const stats = heapStats(this.heap);
    require(stats.liveBlocks === found, `stats() counts ${stats.liveBlocks} of ${found} blocks`);
    const { totalBytes, ...parts } = stats.bytes;
    const sum = Object.values(parts).reduce((total, part) => total + part, 0);
    require(sum === totalBytes, `the parts of stats().bytes add up to ${sum} of ${totalBytes}`);
    const runPages = this.#runs.reduce((total, run) => total + run.count, 0);
    require(parts.pageRunBytes === runPages * PAGE, `${parts.pageRunBytes} bytes of runs, not ${runPages} pages`);
    for (const block of this.#blocks) this.#requireIntact(block);
    for (const run of this.#runs) this.#requireRunIntact(run);
  }

  /** Frees everything; afterwards the heap must hold nothing. */
  freeAll(): void {
    this.#refresh();
    while (this.#blocks.length > 0) this.#free(0);
    for (const { address, count } of this.#runs) this.heap.pages.free(address, count);
    this.#runs = [];
    this.heap.trim();
    this.verify();
    const { slabTailBytes, freeSlabBytes, sheafBytes } = heapStats(this.heap).bytes;
    require(slabTailBytes + freeSlabBytes + sheafBytes === 0, "slabs are left after everything is freed");
  }

  #refresh(): void {
    if (this.#bytes?.buffer !== this.heap.buffer) this.#bytes = new Uint8Array(this.heap.buffer);
  }

  /** A size from any number: its low bits choose the magnitude, so that small numbers mean small sizes. */
  #sizeOf(size: number): number {
    const magnitude = size % 1024;
    const span =
      magnitude < 700 ? 256 : magnitude < 960 ? 4096 : magnitude < 1016 ? 40_000 : this.#options.maximumBytes;
    return Math.floor(size / 1024) % (Math.min(span, this.#options.maximumBytes) + 1);
  }

  /** Runs a request; gives 0 where there was no memory. */
  #request(action: () => number): number {
    let address = 0;
    try {
      address = action();
    } catch (error) {
      if (!(error instanceof KmemError) || error.code !== "OUT_OF_MEMORY") throw error;
    }
    if (address === 0) this.failureCount++;
    this.#refresh();
    return address;
  }

  #allocate(sizeBytes: number, alignmentBytes: number, action: (bytes: number) => number, isStamped = true): number {
    if (this.#blocks.length >= this.#options.maximumBlocks) return 0;
    const address = this.#request(() => action(sizeBytes));
    if (address === 0) return 0;
    const alignment = Math.max(16, alignmentBytes);
    require(address % alignment === 0, `${address} is not aligned to ${alignment}`);
    require(this.heap.usableSize(address) >= sizeBytes, `the block at ${address} holds less than ${sizeBytes}`);
    this.#blocks.push({ address, sizeBytes, seed: this.#seed++, cache: -1 });
    if (isStamped) this.#stampLast();
    return address;
  }

  #stampLast(): void {
    const block = this.#blocks.at(-1);
    if (block !== undefined) stamp(this.#bytes, block.address, block.sizeBytes, block.seed);
  }

  #requireIntact(block: Block, address = block.address, keptBytes = block.sizeBytes): void {
    const fault = stampFault(this.#bytes, address, block.sizeBytes, block.seed, keptBytes);
    require(fault < 0, `byte ${fault} of the block at ${address} (${block.sizeBytes} bytes) has changed`);
  }

  #reallocate(pick: number, sizeBytes: number): void {
    if (this.#blocks.length === 0) return;
    const index = pick % this.#blocks.length;
    const block = this.#blocks[index] as Block;
    const address = this.#request(() => this.heap.realloc(block.address, sizeBytes));
    if (address === 0) {
      require(sizeBytes > block.sizeBytes, `${block.sizeBytes} bytes could not be made ${sizeBytes}`);
      this.#requireIntact(block);
      return;
    }
    this.#requireIntact(block, address, Math.min(block.sizeBytes, sizeBytes));
    require(this.heap.usableSize(address) >= sizeBytes, `realloc to ${sizeBytes} gave less`);
    const cache = address === block.address ? block.cache : -1;
    if (block.cache >= 0 && cache < 0) this.#cacheOf(block).objectCount--;
    const moved = { address, sizeBytes, seed: this.#seed++, cache };
    this.#blocks[index] = moved;
    stamp(this.#bytes, moved.address, moved.sizeBytes, moved.seed);
  }

  #remove(index: number): Block {
    const block = this.#blocks[index] as Block;
    this.#requireIntact(block);
    const last = this.#blocks.pop() as Block;
    if (index < this.#blocks.length) this.#blocks[index] = last;
    if (block.cache >= 0) this.#cacheOf(block).objectCount--;
    return block;
  }

  #free(pick: number): void {
    if (this.#blocks.length === 0) return;
    // The newest as often as any other: real programs free young blocks first.
    const count = this.#blocks.length;
    const index = pick % 2 === 0 ? (pick >>> 1) % count : count - 1 - ((pick >>> 1) % Math.min(count, 8));
    this.heap.free(this.#remove(index).address);
  }

  /** Frees what must not be freed: beside a block, a block twice, anywhere. */
  #badFree(pick: number, size: number): void {
    const block = this.#blocks[pick % Math.max(1, this.#blocks.length)];
    let address = size;
    if (block !== undefined && size % 3 === 0) {
      address = block.address + 1 + (size % Math.max(1, block.sizeBytes));
    } else if (block !== undefined && size % 3 === 1) {
      address = this.#remove(pick % this.#blocks.length).address;
      this.heap.free(address);
    }
    if (address === 0 || this.#blocks.some((other) => other.address === address)) return;
    let code = "nothing";
    try {
      this.heap.free(address);
    } catch (error) {
      if (!(error instanceof KmemError)) throw error;
      code = error.code;
    }
    require(code === "DOUBLE_FREE" || code === "INVALID_FREE", `free of ${address} threw ${code}`);
  }

  #cacheOf(block: Block): ModelCache {
    return this.#caches[block.cache] as ModelCache;
  }

  #createCache(pick: number, size: number): void {
    if (this.#caches.length >= CACHE_LIMIT) return;
    const name = `model-${this.#cacheNumber++}`;
    const alignmentBytes = 2 ** (pick % 8);
    const sizeBytes = 1 + (size % 3000);
    const face = this.heap.createCache({ name, sizeBytes, alignmentBytes });
    this.#caches.push({ face, name, sizeBytes, alignmentBytes, objectCount: 0 });
  }

  #cacheAllocate(pick: number): void {
    const index = pick % Math.max(1, this.#caches.length);
    const cache = this.#caches[index];
    const face = cache?.face;
    if (cache === undefined || face === undefined || this.#blocks.length >= this.#options.maximumBlocks) return;
    const address = this.#request(() => (pick % 2 === 0 ? face.alloc() : face.tryAlloc()));
    if (address === 0) return;
    require(address % Math.max(16, cache.alignmentBytes) === 0, `an object at ${address} is not aligned`);
    cache.objectCount++;
    this.#blocks.push({ address, sizeBytes: cache.sizeBytes, seed: this.#seed++, cache: index });
    this.#stampLast();
  }

  #cacheFree(pick: number): void {
    if (this.#blocks.length === 0) return;
    const start = pick % this.#blocks.length;
    const index = this.#blocks.findIndex((block, at) => at >= start && block.cache >= 0);
    const block = this.#blocks[index];
    const face = block === undefined ? undefined : this.#cacheOf(block).face;
    if (face === undefined) return;
    face.free(this.#remove(index).address);
  }

  #destroyCache(pick: number): void {
    const index = this.#caches.length - 1;
    const cache = this.#caches[index];
    if (cache?.face === undefined || pick % 2 === 0) return;
    let code = "nothing";
    try {
      cache.face.destroy();
    } catch (error) {
      if (!(error instanceof KmemError)) throw error;
      code = error.code;
    }
    require(code === (cache.objectCount > 0 ? "CACHE_BUSY" : "nothing"), `destroy threw ${code}`);
    if (cache.objectCount === 0) this.#caches.pop();
  }

  #allocatePages(pick: number, size: number): void {
    const count = 1 + (size % this.#options.maximumPages);
    const alignmentBytes = PAGE * 2 ** (pick % 5 === 0 ? pick % 4 : 0);
    const reserve = pick % 3 === 0;
    const address = this.#request(() => this.heap.pages.tryAlloc(count, { alignmentBytes, reserve }));
    if (address === 0) return;
    require(address % alignmentBytes === 0, `pages at ${address} are not aligned to ${alignmentBytes}`);
    const run = { address, count, seed: this.#seed++ };
    this.#runs.push(run);
    for (let page = 0; page < count; page++) this.#markPage(run, page);
  }

  /** Each page of a run carries its own address and the run's seed. */
  #markPage(run: Run, page: number): void {
    const at = run.address + page * PAGE;
    fillPattern(this.#bytes, at, at + 64, run.seed + at / PAGE);
  }

  #requireRunIntact(run: Run): void {
    for (let page = 0; page < run.count; page++) {
      const at = run.address + page * PAGE;
      require(patternFault(this.#bytes, at, at + 64, run.seed + at / PAGE) < 0, `page ${page} of a run has changed`);
    }
  }

  /** Frees a run or any part of it; what is left stays as one or two runs. */
  #freePages(pick: number, size: number): void {
    if (this.#runs.length === 0) return;
    const index = pick % this.#runs.length;
    const run = this.#runs[index] as Run;
    this.#requireRunIntact(run);
    const first = size % 2 === 0 ? 0 : (size >>> 1) % run.count;
    const count = size % 4 === 0 ? run.count - first : 1 + ((size >>> 2) % (run.count - first));
    this.heap.pages.free(run.address + first * PAGE, count);
    const parts: Run[] = [];
    if (first > 0) parts.push({ ...run, count: first });
    const after = first + count;
    if (after < run.count) parts.push({ ...run, address: run.address + after * PAGE, count: run.count - after });
    this.#runs.splice(index, 1, ...parts);
  }
}
