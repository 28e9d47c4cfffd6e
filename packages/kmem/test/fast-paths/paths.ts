import { layersOf } from "../../src/heap/access.ts";
import type * as HeapModule from "../../src/heap/heap.ts";
import { PAGE_SIZE } from "../../src/memory/layout.ts";
import type * as FastPathModule from "../../src/slab/fast-path.ts";
import type { CountedLibrary } from "./counted-library.ts";
import type { Counts } from "./counting-runtime.ts";

/** An operation by its name, and what it does. */
export type PathCounts = readonly [name: string, counts: Counts];

const BLOCK_BYTES = 64;
const OBJECT_BYTES = 96;
/** As many blocks as no sheaf holds. */
const MANY_BLOCKS = 20_000;

type Heap = HeapModule.Heap;

function open(library: CountedLibrary): { heap: Heap; other: Heap; fastPaths: typeof FastPathModule } {
  const realm = library.realm();
  const heap = realm.module<typeof HeapModule>("heap/heap.ts").Heap.create();
  const other = library.realm().module<typeof HeapModule>("heap/heap.ts").Heap.attach(heap.handle);
  return { heap, other, fastPaths: realm.module<typeof FastPathModule>("slab/fast-path.ts") };
}

/** Makes sheaves that have both blocks and room. */
function warm(operations: { alloc: () => number; free: (address: number) => void }): void {
  const addresses = Array.from({ length: 8 }, operations.alloc);
  for (const address of addresses.slice(2)) operations.free(address);
}

/** The fast path by itself, with a slow path that is not counted beyond its call. */
function boundPaths(library: CountedLibrary): PathCounts[] {
  const { runtime } = library;
  const { heap, other, fastPaths } = open(library);
  const { memory, geometry, sheaves, slot } = layersOf(heap);
  const context = { memory, geometry, areaWord: sheaves.areaWord, slot };
  const slow = { alloc: () => 0, free: () => undefined };
  const path = fastPaths.bindFastPath({ ...context, hasExactFrees: false }, slow);
  const exact = fastPaths.bindFastPath({ ...context, hasExactFrees: true }, slow);
  warm({ alloc: () => heap.alloc(BLOCK_BYTES), free: heap.free });
  const foreign = Array.from({ length: 4 }, () => other.alloc(BLOCK_BYTES));
  for (const address of foreign.slice(2)) heap.free(address);
  const [block, twin] = [path.take(BLOCK_BYTES), path.take(BLOCK_BYTES)];
  return [
    ["`alloc`, a block on the sheaf", runtime.count(() => path.alloc(BLOCK_BYTES))],
    ["`take`, a block on the sheaf", runtime.count(() => path.take(BLOCK_BYTES))],
    ["`alloc`, an empty sheaf, up to the slow path", runtime.count(() => path.alloc(4 * BLOCK_BYTES))],
    ["`alloc`, no size of a class, up to the slow path", runtime.count(() => path.alloc(MANY_BLOCKS * BLOCK_BYTES))],
    ["`hasRoom`", runtime.count(() => path.hasRoom(block))],
    ["`free`, a block of the slot's own", runtime.count(() => path.free(block))],
    ["`free`, a block of another slot", runtime.count(() => path.free(foreign[0] as number))],
    ["`free`, a second time, up to the slow path", runtime.count(() => path.free(block))],
    ["`free`, exact, a block of the slot's own", runtime.count(() => exact.free(twin))],
    ["`free`, exact, a block of another slot", runtime.count(() => exact.free(foreign[1] as number))],
    ["`free`, exact, a second time, up to the slow path", runtime.count(() => exact.free(twin))],
  ];
}

function heapPaths(library: CountedLibrary): PathCounts[] {
  const { runtime } = library;
  const { heap } = open(library);
  warm({ alloc: () => heap.alloc(BLOCK_BYTES), free: heap.free });
  const block = heap.alloc(BLOCK_BYTES);
  return [
    ["`heap.alloc`", runtime.count(() => heap.alloc(BLOCK_BYTES))],
    ["`heap.tryAlloc`", runtime.count(() => heap.tryAlloc(BLOCK_BYTES))],
    ["`heap.calloc(1, 64)`", runtime.count(() => heap.calloc(1, BLOCK_BYTES))],
    ["`heap.realloc`, in place", runtime.count(() => heap.realloc(block, BLOCK_BYTES - 4))],
    ["`heap.usableSize`", runtime.count(() => heap.usableSize(block))],
    ["`heap.free`", runtime.count(() => heap.free(block))],
    ["`heap.free(0)`", runtime.count(() => heap.free(0))],
    ["`heap.alloc`, an empty sheaf, with its refill", refill(library, heap)],
  ];
}

/** Allocates until the sheaf runs out, and counts the call that fills it again. */
function refill({ runtime }: CountedLibrary, heap: Heap): Counts {
  for (let left = MANY_BLOCKS; left > 0; left--) {
    const counts = runtime.count(() => heap.alloc(BLOCK_BYTES));
    if (counts.calls > 0) return counts;
  }
  throw new Error("the sheaf has not run out");
}

function cachePaths(library: CountedLibrary): PathCounts[] {
  const { runtime } = library;
  const { heap } = open(library);
  const cache = heap.createCache({ name: "objects", sizeBytes: OBJECT_BYTES });
  warm({ alloc: () => cache.alloc(), free: (address) => cache.free(address) });
  const object = cache.alloc();
  return [
    ["`cache.alloc`", runtime.count(() => cache.alloc())],
    ["`cache.free`", runtime.count(() => cache.free(object))],
  ];
}

function pagePaths(library: CountedLibrary): PathCounts[] {
  const { runtime } = library;
  const { heap } = open(library);
  warm({ alloc: () => heap.pages.alloc(1), free: (address) => heap.pages.free(address, 1) });
  const page = heap.pages.alloc(1);
  return [
    ["`heap.pages.alloc(1)`, from the slot's pcp lists", runtime.count(() => heap.pages.alloc(1))],
    ["`heap.pages.free`, one page, to the slot's pcp lists", runtime.count(() => heap.pages.free(page, 1))],
    [`\`heap.alloc(${PAGE_SIZE * 64})\`, a run`, runtime.count(() => heap.alloc(PAGE_SIZE * 64))],
  ];
}

/** Counts what each operation does that the allocator's speed hangs on. */
export function countPaths(library: CountedLibrary): PathCounts[] {
  return [boundPaths, heapPaths, cachePaths, pagePaths].flatMap((count) => count(library));
}
