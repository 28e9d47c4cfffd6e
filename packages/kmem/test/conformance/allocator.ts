/** What some allocators can do and others cannot. */
export const ABILITIES = [
  "any size",
  "size 0",
  "alloc",
  "usableSize",
  "calloc",
  "realloc",
  "alignedAlloc",
  "trim",
  "refusal of sizes",
  "refusal of addresses",
] as const;

export type Ability = (typeof ABILITIES)[number];

/**
 * An allocator as the suite sees it: at the least it gives blocks and takes them back. What is not there is named in
 * {@link Adapter.lacks}. Addresses are numbers, and 0 is none.
 */
export interface Allocator {
  /** What it can hold at the very most. */
  readonly capacityBytes: number;
  /** A block, or 0 where there is no memory for it. Sizes that are none are refused by an error or by 0. */
  tryAlloc(sizeBytes: number): number;
  /** Frees a block. What is no block is refused by an error. */
  free(address: number): void;
  /** Writes and reads what is in a block. */
  write(address: number, bytes: Uint8Array): void;
  read(address: number, lengthBytes: number): Uint8Array;
  /** What is wrong inside; empty when all is well. */
  findings(): readonly unknown[];
  /** What has changed around the memory that the allocator was given. Default: nothing is around it. */
  foreignFault?(): string | undefined;
  /** Everything that must be the same again once all blocks are freed, and trimmed where there is `trim`. */
  figures(): unknown;
  /** "alloc": throws an error with code OUT_OF_MEMORY instead. */
  alloc?(sizeBytes: number): number;
  usableSize?(address: number): number;
  calloc?(count: number, sizeBytes: number): number;
  /** Throws where there is no memory; the block then stays as it was. */
  realloc?(address: number, sizeBytes: number): number;
  alignedAlloc?(alignmentBytes: number, sizeBytes: number): number;
  /** Gives back what is kept for speed. */
  trim?(): void;
}

/** The codes of an allocator's errors. What is left out may be any error, or 0 where a block is asked for. */
export interface RefusalCodes {
  readonly size?: string;
  readonly alignment?: string;
  readonly free?: string;
  readonly doubleFree?: string;
  readonly address?: string;
}

/** Where a conformance run has its memory from. */
export interface MemoryCase {
  readonly name: string;
  /** Why this runtime has no such memory. */
  readonly absence?: string;
  /** Bytes that it has at first, and that it can grow to. */
  readonly sizeBytes: number;
  readonly maximumBytes: number;
  make(): SharedArrayBuffer | ArrayBuffer | WebAssembly.Memory;
}

/** An allocator of some name, and how it is made over a memory. */
export interface Adapter {
  readonly name: string;
  /** Of what it cannot do, why. */
  readonly lacks: Readonly<Partial<Record<Ability, string>>>;
  /** What every address is a multiple of. */
  readonly alignmentBytes: number;
  /** The least alignment that can be asked for. Default 1. */
  readonly leastAlignmentBytes?: number;
  /** The largest block that can be asked for, where that is not a matter of memory. */
  readonly largestBytes?: number;
  /** Where not "any size": the one that there is. */
  readonly onlyBytes?: number;
  /** What a block of a size takes of the memory, at most. Default: its size. */
  readonly blockBytes?: (sizeBytes: number) => number;
  /** Sizes at which something changes: those next to them are tried. */
  readonly borderBytes?: readonly number[];
  /** Usable is what was asked for and not a byte more. Default false. */
  readonly isExact?: boolean;
  /** Blocks at most that `alloc` still finds, on a way of its own, where `tryAlloc` finds none. Default 0. */
  readonly spareCount?: number;
  readonly codes?: RefusalCodes;
  /** Why it cannot be made over a memory; undefined where it can. */
  readonly unfit?: (memory: MemoryCase) => string | undefined;
  create(memory: MemoryCase): Allocator;
}
