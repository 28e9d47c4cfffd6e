import { DebugHeap, SampledHeap } from "../../../src/debug/index.ts";
import type { Heap } from "../../../src/index.ts";
import type { Adapter, Allocator } from "../allocator.ts";
import { HEAP_BORDERS, HEAP_CODES, heapAllocator, heapOptions } from "./heap.ts";

/** Zones and a record; see src/debug/layout.ts. */
const OVERHEAD_BYTES = 72;
const SAMPLE_EVERY = 3;
const GUARDED_COUNT = 20;

/** What a bug report says of changed bytes, where it is about any. */
interface Report {
  readonly bytes?: unknown;
}

/** Where the reports of a heap go. */
export interface Collector {
  readonly reports: unknown[];
  readonly options: { readonly stackDepth: number; readonly report: (bug: Report) => void };
}

/** Collects reports of changed bytes, of which there must be none: misuse on purpose makes others. */
export function collector(): Collector {
  const reports: unknown[] = [];
  const report = ({ bytes }: Report): void => {
    if (bytes !== undefined) reports.push(bytes);
  };
  return { reports, options: { stackDepth: 1, report } };
}

/** A heap whose reports are findings. */
export function debugAllocator(heap: Heap, capacityBytes: number, { reports }: Collector): Allocator {
  const allocator = heapAllocator(heap, capacityBytes);
  return { ...allocator, findings: () => [...allocator.findings(), ...reports] };
}

/** Letters with stacks take twice as long, and lie in the memory, fixed or growing: two kinds show what there is. */
const WITH_STACKS: readonly string[] = ["SharedArrayBuffer", "shared WebAssembly.Memory"];

export const debugHeapAdapter: Adapter = {
  name: "DebugHeap",
  lacks: {},
  alignmentBytes: 16,
  borderBytes: [...HEAP_BORDERS, ...HEAP_BORDERS.map((bytes) => bytes - OVERHEAD_BYTES)].filter((bytes) => bytes > 0),
  blockBytes: (sizeBytes) => sizeBytes + OVERHEAD_BYTES,
  isExact: true,
  codes: HEAP_CODES,
  create: (memory) => {
    const bugs = collector();
    const debug = WITH_STACKS.includes(memory.name) ? "FZPU" : "FZP";
    const heap = DebugHeap.create({ ...heapOptions(memory), ...bugs.options, debug });
    return debugAllocator(heap, memory.maximumBytes, bugs);
  },
};

export const sampledHeapAdapter: Adapter = {
  ...debugHeapAdapter,
  name: "SampledHeap",
  borderBytes: HEAP_BORDERS,
  isExact: false,
  // A sampled block takes fewer pages in a row than a new slab of its class.
  spareCount: GUARDED_COUNT * SAMPLE_EVERY * 2,
  create: (memory) => {
    const bugs = collector();
    const sampling = { sampleEvery: SAMPLE_EVERY, guardedCount: GUARDED_COUNT };
    const heap = SampledHeap.create({ ...heapOptions(memory), ...bugs.options, ...sampling });
    // What guards and samples are kept in is made with the first ones.
    const first = Array.from({ length: GUARDED_COUNT * SAMPLE_EVERY }, () => heap.alloc(1));
    for (const address of first) heap.free(address);
    heap.trim();
    return debugAllocator(heap, memory.maximumBytes, bugs);
  },
};
