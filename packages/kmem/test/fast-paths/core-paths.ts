import { openHeap, SampledHeap } from "../../src/debug/index.ts";
import { Heap, type HeapOptions } from "../../src/index.ts";
import { bindProgram } from "../../src/wasm/index.ts";
import { type CoreCalls, type CoreMemory, Note, probedCore } from "../wasm/support/core-module.ts";
import type { Counts } from "./counting-runtime.ts";
import type { PathCounts } from "./paths.ts";

const MEMORY: CoreMemory = { pages: 32, maximum: 32, isShared: false };
const HEAP_START = 65_536;
const BLOCK_BYTES = 64;
/** A size that is cleared by the engine. */
const LONG_BYTES = 100;
/** A size whose sheaf is empty, and one that no class has. */
const OTHER_BYTES = 256;
const RUN_BYTES = 1_000_000;
/** So rarely that no call of these is the one. */
const SAMPLE_EVERY = 1_000_000_000;

/** The paths in WebAssembly on a heap, each of which counts what it does. */
class CountedCore {
  readonly heap: Heap;
  readonly other: Heap;
  readonly calls: CoreCalls;
  #counts: Counts = { reads: 0, writes: 0, atomics: 0, tests: 0, taken: 0, calls: 0 };

  constructor(makeHeap: (options: HeapOptions) => Heap, isCounted: boolean) {
    const memory = new WebAssembly.Memory({ initial: MEMORY.pages, maximum: MEMORY.maximum });
    this.heap = makeHeap({ memory, start: HEAP_START, slotCount: 2 });
    this.other = openHeap(this.heap.reserve());
    const slow = (): number => {
      this.#counts.calls++;
      return 0;
    };
    const names = ["malloc", "free", "calloc", "realloc", "aligned_alloc", "memalign", "malloc_usable_size"];
    const kmem = Object.fromEntries(names.map((name) => [name, slow]));
    const probe = {
      note: (what: number) => this.#note(what),
      test: (condition: number) => this.#test(condition),
    };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(probedCore(MEMORY, isCounted)), {
      env: { memory },
      kmem,
      probe,
    });
    if (!bindProgram(this.heap, exports)) throw new Error("the core is not bound");
    this.calls = exports as unknown as CoreCalls;
  }

  count(operation: () => unknown): Counts {
    const counts: Counts = { reads: 0, writes: 0, atomics: 0, tests: 0, taken: 0, calls: 0 };
    this.#counts = counts;
    operation();
    return counts;
  }

  #note(what: number): void {
    if (what === Note.LOAD) this.#counts.reads++;
    else if (what === Note.STORE) this.#counts.writes++;
    else this.#counts.calls++;
  }

  #test(condition: number): number {
    this.#counts.tests++;
    if (condition !== 0) this.#counts.taken++;
    return condition;
  }
}

/** Counts what each path in WebAssembly does, on sheaves that have both blocks and room. */
export function countCorePaths(): PathCounts[] {
  const core = new CountedCore((options) => Heap.create(options), false);
  const { heap, other, calls } = core;
  const sizes = [BLOCK_BYTES, LONG_BYTES, 2 * BLOCK_BYTES];
  // Twice: what makes the slabs of one class may empty the sheaves of another.
  for (const sizeBytes of [...sizes, ...sizes]) {
    const blocks = Array.from({ length: 8 }, () => heap.alloc(sizeBytes));
    for (const block of blocks.slice(2)) heap.free(block);
  }
  const foreign = Array.from({ length: 4 }, () => other.alloc(BLOCK_BYTES));
  for (const block of foreign.slice(2)) heap.free(block);
  const [block, resized] = [heap.alloc(BLOCK_BYTES), heap.alloc(BLOCK_BYTES)];
  return [
    ["`malloc`, a block on the sheaf", core.count(() => calls.malloc(BLOCK_BYTES))],
    ["`malloc`, an empty sheaf, up to the import", core.count(() => calls.malloc(OTHER_BYTES))],
    ["`malloc`, no size of a class, up to the import", core.count(() => calls.malloc(RUN_BYTES))],
    ["`calloc(1, 64)`", core.count(() => calls.calloc(1, BLOCK_BYTES))],
    ["`calloc(1, 100)`", core.count(() => calls.calloc(1, LONG_BYTES))],
    ["`aligned_alloc(16, 64)`", core.count(() => calls.aligned_alloc(16, BLOCK_BYTES))],
    ["`malloc_usable_size`", core.count(() => calls.malloc_usable_size(block))],
    ["`realloc`, in place", core.count(() => calls.realloc(block, BLOCK_BYTES - 4))],
    ["`realloc`, to another class", core.count(() => calls.realloc(resized, 2 * BLOCK_BYTES))],
    ["`free`, a block of the slot's own", core.count(() => calls.free(block))],
    ["`free`, a block of another slot", core.count(() => calls.free(foreign[0]!))],
    ["`free`, a second time, up to the import", core.count(() => calls.free(block))],
    ["`free(NULL)`", core.count(() => calls.free(0))],
    ["`realloc(NULL, 64)`", core.count(() => calls.realloc(0, BLOCK_BYTES))],
    ...countSampledPaths(),
  ];
}

/** What the paths of a `SampledHeap` do besides. */
function countSampledPaths(): PathCounts[] {
  const core = new CountedCore((options) => SampledHeap.create({ ...options, sampleEvery: SAMPLE_EVERY }), true);
  const { heap, calls } = core;
  const blocks = Array.from({ length: 8 }, () => heap.alloc(BLOCK_BYTES));
  for (const block of blocks) heap.free(block);
  const always = new CountedCore((options) => SampledHeap.create({ ...options, sampleEvery: 1 }), true);
  always.heap.free(always.heap.tryAlloc(BLOCK_BYTES));
  return [
    ["sampled `malloc`, a block on the sheaf", core.count(() => calls.malloc(BLOCK_BYTES))],
    ["sampled `malloc`, whose turn it is, up to the import", always.count(() => always.calls.malloc(BLOCK_BYTES))],
    ["sampled `calloc(1, 64)`", core.count(() => calls.calloc(1, BLOCK_BYTES))],
  ];
}
