import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { DESCRIPTOR_WORDS, DescriptorWord, FREE_LIST_COUNT } from "./layout.ts";

/** One entry of kernel_heap: views of the words at an address, no state of its own. */
export class Descriptor {
  readonly memory: LinearMemory;
  readonly #word: number;

  constructor(memory: LinearMemory, address: number) {
    this.memory = memory;
    this.#word = address >>> WORD_SHIFT;
  }

  /** Virtual address of the heap. */
  get heapBase(): number {
    return this.#get(DescriptorWord.HEAP_BASE);
  }

  /** Bytes of the heap, 0 where the cluster has none. */
  get heapSize(): number {
    return this.#get(DescriptorWord.HEAP_SIZE);
  }

  /** Virtual address of alloc[]. */
  get allocBase(): number {
    return this.#get(DescriptorWord.ALLOC_BASE);
  }

  /** Bytes of alloc[]. */
  get allocSize(): number {
    return this.#get(DescriptorWord.ALLOC_SIZE);
  }

  hasList(shift: number): boolean {
    return shift < FREE_LIST_COUNT;
  }

  /** Virtual address of the first free block of 2^shift bytes, 0 when there is none. */
  free(shift: number): number {
    return this.#get(DescriptorWord.FREE + shift);
  }

  setFree(shift: number, block: number): void {
    this.memory.words[this.#word + DescriptorWord.FREE + shift] = block;
  }

  setHeap(heapBase: number, heapSize: number, allocBase: number, allocSize: number): void {
    const { words } = this.memory;
    words[this.#word + DescriptorWord.HEAP_BASE] = heapBase;
    words[this.#word + DescriptorWord.HEAP_SIZE] = heapSize;
    words[this.#word + DescriptorWord.ALLOC_BASE] = allocBase;
    words[this.#word + DescriptorWord.ALLOC_SIZE] = allocSize;
  }

  /** Zeroes all of it: a cluster without a heap, its lock free. */
  clear(): void {
    this.memory.words.fill(0, this.#word, this.#word + DESCRIPTOR_WORDS);
  }

  #get(field: number): number {
    return this.memory.words[this.#word + field] >>> 0;
  }
}
