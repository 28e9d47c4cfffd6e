import type { MeasurableHeap, ReplayCache, ReplayCacheOptions } from "./replay-heap.ts";

const WORD_SHIFT = 2;
const WORD_BYTES = 4;

/**
 * A heap whose caches hand out constructed objects: zeros, and a list head that points to itself. A heap that runs
 * constructors does so once for each object of a new slab; for any other one, each object is built when it is
 * allocated, which is what a program over such an allocator has to do. `native/replay.c` does the same.
 *
 * @throws when the heap runs no constructors and does not show its memory.
 */
export function constructedHeap(heap: MeasurableHeap, runsConstructors: boolean): MeasurableHeap {
  const { buffer } = heap;
  if (buffer === undefined) throw new Error("objects cannot be constructed: this heap does not show its memory");
  let words = new Uint32Array(buffer);
  const build = (address: number, sizeBytes: number): void => {
    // A memory that has grown is another buffer.
    if (words.buffer !== heap.buffer) words = new Uint32Array(heap.buffer!);
    const first = address >>> WORD_SHIFT;
    words.fill(0, first, first + sizeBytes / WORD_BYTES);
    words[first] = address;
    words[first + 1] = address;
  };
  const createCache = ({ name, sizeBytes }: ReplayCacheOptions): ReplayCache => {
    if (runsConstructors) {
      return heap.createCache({ name, sizeBytes, construct: (address) => build(address, sizeBytes) });
    }
    const cache = heap.createCache({ name, sizeBytes });
    return {
      alloc: () => {
        const address = cache.alloc();
        build(address, sizeBytes);
        return address;
      },
      free: (address) => cache.free(address),
    };
  };
  return {
    alloc: (sizeBytes) => heap.alloc(sizeBytes),
    calloc: (count, sizeBytes) => heap.calloc(count, sizeBytes),
    realloc: (address, sizeBytes) => heap.realloc(address, sizeBytes),
    alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
    free: (address) => heap.free(address),
    usableSize: (address) => heap.usableSize(address),
    get footprintBytes() {
      return heap.footprintBytes;
    },
    createCache,
    pages: heap.pages,
    reset: () => heap.reset?.(),
    get buffer() {
      return heap.buffer!;
    },
    ...(heap.trim && { trim: () => heap.trim!() }),
    ...(heap.stats && { stats: () => heap.stats!() }),
  };
}
