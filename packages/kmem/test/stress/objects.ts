import type { BlockFunctions, Cache, CacheOptions, Heap } from "../../src/index.ts";
import { WORD_SHIFT } from "../../src/memory/layout.ts";

/** Words at the start of a constructed object that keep their constructed state for as long as the object exists. */
const CONSTRUCTED_WORDS = 4;
const CONSTRUCTED_BYTES: number = CONSTRUCTED_WORDS << WORD_SHIFT;

/** A named cache that all threads of a run share. */
export interface SharedCache extends Omit<CacheOptions, "construct" | "destruct"> {
  readonly isConstructed: boolean;
}

export const SHARED_CACHES: readonly SharedCache[] = [
  { name: "stress-72", sizeBytes: 72, alignmentBytes: 8, isConstructed: false },
  { name: "stress-3000", sizeBytes: 3000, alignmentBytes: 256, isConstructed: false },
  { name: "stress-constructed", sizeBytes: 200, colourBytes: 16, isConstructed: true },
];

/** Bytes at the start of an object of this cache that its holder leaves as they are. */
export function headBytesOf(cache: number): number {
  return SHARED_CACHES[cache]?.isConstructed === true ? CONSTRUCTED_BYTES : 0;
}

function constructedWord(address: number, word: number): number {
  return Math.imul(address ^ 0x5bd1e995, word + 0x27d4eb2f) | 0;
}

/** Whether an object's head is as its constructor left it. */
export function isConstructed(buffer: ArrayBufferLike, address: number): boolean {
  const words = new Int32Array(buffer, address, CONSTRUCTED_WORDS);
  return words.every((value, word) => value === constructedWord(address, word));
}

/** The functions of a cache in this thread. The destructor calls back when an object has lost its state. */
export function functionsOf(
  heap: Pick<Heap, "buffer">,
  cache: number,
  onFault: (address: number) => void,
): BlockFunctions {
  if (SHARED_CACHES[cache]?.isConstructed !== true) return {};
  return {
    construct: (address) => {
      const words = new Int32Array(heap.buffer, address, CONSTRUCTED_WORDS);
      for (let word = 0; word < CONSTRUCTED_WORDS; word++) words[word] = constructedWord(address, word);
    },
    destruct: (address) => {
      if (!isConstructed(heap.buffer, address)) onFault(address);
      new Int32Array(heap.buffer, address, CONSTRUCTED_WORDS).fill(0);
    },
  };
}

/** Makes the shared caches, in the order of the list. */
export function createSharedCaches(heap: Heap, onFault: (address: number) => void): Cache[] {
  return SHARED_CACHES.map(({ isConstructed: _, ...options }, index) =>
    heap.createCache({ ...options, ...functionsOf(heap, index, onFault) }),
  );
}
