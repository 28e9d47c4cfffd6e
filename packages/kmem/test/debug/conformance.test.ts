import { afterAll, beforeAll } from "vitest";
import { DebugHeap, type DebugHeapOptions } from "../../src/debug/index.ts";
import { blocksOf, checkHeap, heapStats } from "../../src/index.ts";
import { CLASS_COUNT, classBytes } from "../../src/layout.ts";
import { type Allocator, describeConformance } from "../conformance/conformance.ts";
import { freePagesOf } from "../support/expectations.ts";
import { type HeapMaker, memoryCasesOf, PAGE } from "../support/memories.ts";

/** Zones and a record; see src/debug/layout.ts. */
const OVERHEAD_BYTES = 72;

/** Reports of the heap that is being tested: misuse on purpose makes some, but none is of bytes that have changed. */
let reports: unknown[] = [];
const quiet = {
  stackDepth: 1,
  report: ({ bytes }: { readonly bytes: unknown }): void => {
    if (bytes !== undefined) reports.push(bytes);
  },
};

const makerOf = (debug: string): HeapMaker => ({
  create: (options?: DebugHeapOptions) => DebugHeap.create({ ...options, ...quiet, debug }),
  attach: (source, start) => DebugHeap.attach(source, start, quiet),
  load: (dump) => DebugHeap.load(dump, quiet),
});

/** Stacks take half of the time; they lie in the memory, fixed or growing: two kinds of it show what there is. */
const WITH_STACKS: readonly string[] = ["SharedArrayBuffer", "growing shared WebAssembly.Memory"];
/** Small: every block that a memory holds is filled, read and checked several times over. */
const MEMORY_MIB = 4;
/** With zones and a record, the smallest blocks are all of one or two hundred bytes: one of them stands for them. */
const FILL_BYTES: readonly number[] = [16, 1000, 4096, 20_000, 32_768, 40_000, 300_000];
const cases = [
  ...memoryCasesOf(makerOf("FZPU"), MEMORY_MIB).filter(({ name }) => WITH_STACKS.includes(name)),
  ...memoryCasesOf(makerOf("FZP"), MEMORY_MIB).filter(({ name }) => !WITH_STACKS.includes(name)),
];

function figuresOf(heap: DebugHeap): unknown {
  const { liveBlocks, bytes, footprintBytes, caches } = heapStats(heap);
  return { liveBlocks, bytes, footprintBytes, caches, zones: freePagesOf(heapStats(heap)), live: [...blocksOf(heap)] };
}

function allocatorOver(heap: DebugHeap, foreignFault: () => number): Allocator {
  return {
    alloc: (sizeBytes) => heap.alloc(sizeBytes),
    tryAlloc: (sizeBytes) => heap.tryAlloc(sizeBytes),
    calloc: (count, sizeBytes) => heap.calloc(count, sizeBytes),
    realloc: (address, sizeBytes) => heap.realloc(address, sizeBytes),
    alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
    free: (address) => heap.free(address),
    usableSize: (address) => heap.usableSize(address),
    findings: () => [...checkHeap(heap).findings, ...reports],
    trim: () => heap.trim(),
    figures: () => figuresOf(heap),
    bytes: () => new Uint8Array(heap.buffer),
    foreignFault,
  };
}

// The test runner maps each stack to the sources as it is taken, which takes longer than the heap's own work.
const { prepareStackTrace } = Error;
beforeAll(() => {
  Reflect.deleteProperty(Error, "prepareStackTrace");
});
afterAll(() => {
  if (prepareStackTrace !== undefined) Error.prepareStackTrace = prepareStackTrace;
});

const classBorders = Array.from({ length: CLASS_COUNT }, (_, index) => classBytes(index));
const pageBorders = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33].map((pages) => pages * PAGE);
const borders = [...classBorders, ...pageBorders];

for (const { name, maximumBytes, make } of cases) {
  describeConformance({
    name: `${name}, debugged`,
    capacityBytes: maximumBytes,
    borderBytes: [...borders, ...borders.map((bytes) => bytes - OVERHEAD_BYTES)],
    overheadBytes: OVERHEAD_BYTES,
    fillBytes: FILL_BYTES,
    isExact: true,
    make: () => {
      reports = [];
      const { heap, foreignFault } = make();
      return allocatorOver(heap as DebugHeap, foreignFault);
    },
  });
}
