import type { Heap } from "../../src/index.ts";
import { blockAt, MAX_CLASS_BYTES, PAGE_SIZE } from "../../src/index.ts";
import type { StressHeap } from "./holder.ts";

/** Ways to break a heap on purpose, each of which the stress has to find. */
export const SABOTAGES = [
  "hands a block out twice",
  "loses a freed block",
  "loses a freed page",
  "hands out too little",
  "does not clear",
  "does not keep what is moved",
  "accepts a double free",
  "frees nothing at the end",
  "does not lock",
  "locks for ever",
] as const;
export type Sabotage = (typeof SABOTAGES)[number];

/** One call in so many goes wrong. */
const WRONG = 100;

/** Says true at every so-many-th call. */
function everySoOften(interval: number): () => boolean {
  let calls = 0;
  return () => ++calls % interval === 0;
}

type Methods = { [Name in keyof StressHeap]?: StressHeap[Name] };

const METHODS: Readonly<Record<Sabotage, (heap: Heap, isNow: () => boolean) => Methods>> = {
  "hands a block out twice": (heap, isNow) => {
    let last = 0;
    return {
      alloc: (sizeBytes) => {
        const isTwice =
          isNow() && last !== 0 && blockAt(heap, last)?.live === true && heap.usableSize(last) >= sizeBytes;
        if (!isTwice) last = heap.alloc(sizeBytes);
        return last;
      },
    };
  },
  "loses a freed block": (heap, isNow) => ({
    free: (address) => {
      if (!isNow()) heap.free(address);
    },
  }),
  "loses a freed page": (heap, isNow) => {
    const { pages } = heap;
    const free = (address: number, count: number): void => {
      const kept = count > 1 && isNow() ? 1 : 0;
      pages.free(address, count - kept);
    };
    return {
      pages: Object.assign(Object.create(pages), {
        alloc: pages.alloc.bind(pages),
        tryAlloc: pages.tryAlloc.bind(pages),
        free,
      }),
    };
  },
  "hands out too little": (heap, isNow) => ({
    tryAlloc: (sizeBytes) => heap.tryAlloc(isNow() && sizeBytes > PAGE_SIZE ? sizeBytes >>> 1 : sizeBytes),
    alloc: (sizeBytes) => heap.alloc(isNow() && sizeBytes <= MAX_CLASS_BYTES ? sizeBytes >>> 1 : sizeBytes),
  }),
  "does not clear": (heap) => ({ calloc: (count, sizeBytes) => heap.alloc(count * sizeBytes) }),
  "does not keep what is moved": (heap) => ({
    realloc: (address, sizeBytes) => {
      const moved = heap.alloc(sizeBytes);
      heap.free(address);
      return moved;
    },
  }),
  "accepts a double free": (heap) => ({
    free: (address) => {
      if (blockAt(heap, address)?.live !== false) heap.free(address);
    },
  }),
  "frees nothing at the end": () => ({ detach: () => undefined }),
  "does not lock": () => ({}),
  "locks for ever": () => ({}),
};

/** The heap as it is, or one broken in this way; methods that go wrong do so now and then. */
export function sabotaged(heap: Heap, sabotage: Sabotage | undefined): StressHeap {
  if (sabotage === undefined) return heap;
  const methods = METHODS[sabotage](heap, everySoOften(WRONG));
  return new Proxy(heap, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in methods ? methods : target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
