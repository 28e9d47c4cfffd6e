import type { BaseHeap } from "../../heap/base-heap.ts";
import { badArgument, isPowerOfTwoFrom } from "../../memory/arguments.ts";
import { hex, KmemError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, GRANULE } from "../../memory/layout.ts";
import type { CFailures } from "./failures.ts";

/** The largest size that an i32 can say. */
export const C_SIZE_MAX: number = ADDRESS_SPACE_BYTES - 1;

/** The functions of malloc's family over numbers, which may be as signed as WebAssembly gives them. */
export interface CCalls {
  malloc(sizeBytes: number): number;
  free(address: number): void;
  calloc(count: number, sizeBytes: number): number;
  realloc(address: number, sizeBytes: number): number;
  aligned_alloc(alignmentBytes: number, sizeBytes: number): number;
  posix_memalign(resultAddress: number, alignmentBytes: number, sizeBytes: number): number;
  memalign(alignmentBytes: number, sizeBytes: number): number;
  malloc_usable_size(address: number): number;
  reallocarray(address: number, count: number, sizeBytes: number): number;
}

/** What of a heap the calls need. */
export type CHeap = Pick<BaseHeap, "alloc" | "free" | "calloc" | "realloc" | "alignedAlloc" | "usableSize" | "buffer">;

/** What the calls work with. */
export interface CContext {
  heapOf(): CHeap;
  readonly failures: CFailures;
  readonly freesAtZero: boolean;
  /** Bytes of a pointer of the program. */
  readonly pointerBytes: number;
}

/** The 32 bits of what WebAssembly gives, as a number from 0. Throws BAD_ARGUMENT for what is no number. */
function unsigned(name: string, value: number): number {
  if (typeof value !== "number") throw badArgument(name, "a number, as WebAssembly gives it", value);
  return value >>> 0;
}

/** malloc, free, calloc and malloc_usable_size. */
function blockCalls(context: CContext): Pick<CCalls, "malloc" | "free" | "calloc" | "malloc_usable_size"> {
  const { heapOf, failures } = context;
  return {
    malloc: (sizeBytes) => {
      const bytes = unsigned("size", sizeBytes);
      const heap = heapOf();
      try {
        return heap.alloc(bytes);
      } catch (error) {
        return failures.caught(error);
      }
    },
    free: (address) => {
      const block = unsigned("address", address);
      const heap = heapOf();
      try {
        heap.free(block);
      } catch (error) {
        failures.caught(error);
      }
    },
    calloc: (count, sizeBytes) => {
      const items = unsigned("count", count);
      const bytes = unsigned("size", sizeBytes);
      if (items * bytes > C_SIZE_MAX) return failures.outOfMemory();
      const heap = heapOf();
      try {
        return heap.calloc(items, bytes);
      } catch (error) {
        return failures.caught(error);
      }
    },
    malloc_usable_size: (address) => {
      const block = unsigned("address", address);
      if (block === 0) return 0;
      const heap = heapOf();
      try {
        return heap.usableSize(block);
      } catch (error) {
        return failures.caught(error);
      }
    },
  };
}

/** realloc and reallocarray. */
function resizingCalls(context: CContext, { malloc, free }: Pick<CCalls, "malloc" | "free">) {
  const { heapOf, failures, freesAtZero } = context;
  const realloc = (address: number, sizeBytes: number): number => {
    const block = unsigned("address", address);
    const bytes = unsigned("size", sizeBytes);
    if (block === 0) return malloc(bytes);
    if (bytes === 0 && freesAtZero) {
      free(block);
      return 0;
    }
    const heap = heapOf();
    try {
      return heap.realloc(block, bytes);
    } catch (error) {
      return failures.caught(error);
    }
  };
  const reallocarray = (address: number, count: number, sizeBytes: number): number => {
    const block = unsigned("address", address);
    const totalBytes = unsigned("count", count) * unsigned("size", sizeBytes);
    return totalBytes > C_SIZE_MAX ? failures.outOfMemory() : realloc(block, totalBytes);
  };
  return { realloc, reallocarray };
}

/** aligned_alloc, memalign and posix_memalign. */
function alignedCalls(context: CContext): Pick<CCalls, "aligned_alloc" | "memalign" | "posix_memalign"> {
  const { heapOf, failures, pointerBytes } = context;
  const aligned = (alignmentBytes: number, bytes: number): number => {
    const heap = heapOf();
    try {
      return heap.alignedAlloc(alignmentBytes, bytes);
    } catch (error) {
      return failures.caught(error);
    }
  };
  return {
    aligned_alloc: (alignmentBytes, sizeBytes) => {
      const alignment = unsigned("alignment", alignmentBytes);
      const bytes = unsigned("size", sizeBytes);
      return isPowerOfTwoFrom(alignment, 1) ? aligned(alignment, bytes) : failures.invalid();
    },
    memalign: (alignmentBytes, sizeBytes) => {
      const alignment = roundedUp(unsigned("alignment", alignmentBytes));
      const bytes = unsigned("size", sizeBytes);
      return alignment <= C_SIZE_MAX ? aligned(alignment, bytes) : failures.invalid();
    },
    posix_memalign: (resultAddress, alignmentBytes, sizeBytes) => {
      const result = unsigned("address", resultAddress);
      const alignment = unsigned("alignment", alignmentBytes);
      const bytes = unsigned("size", sizeBytes);
      const { EINVAL, ENOMEM } = failures.errors;
      if (!isPowerOfTwoFrom(alignment, pointerBytes)) return EINVAL;
      const heap = heapOf();
      let address = 0;
      try {
        requirePointerAt(heap, result, pointerBytes);
        address = heap.alignedAlloc(alignment, bytes);
      } catch (error) {
        if (error instanceof KmemError && error.code === "OUT_OF_MEMORY") return ENOMEM;
        failures.told(error);
        return EINVAL;
      }
      storePointer(heap, result, address, pointerBytes);
      return 0;
    },
  };
}

/** The power of two from there on, as dlmalloc's memalign takes one. */
function roundedUp(alignmentBytes: number): number {
  return Math.max(GRANULE, 2 ** Math.ceil(Math.log2(Math.max(1, alignmentBytes))));
}

/** Throws INVALID_ADDRESS unless the memory has room for a pointer there. */
function requirePointerAt(heap: CHeap, address: number, pointerBytes: number): void {
  if (address !== 0 && address + pointerBytes <= heap.buffer.byteLength) return;
  const text = `posix_memalign is to store a pointer at ${hex(address)}, where the program has no memory`;
  throw new KmemError("INVALID_ADDRESS", text, { address });
}

/** Stores a pointer, at any address, as WebAssembly would: the lowest byte first. */
function storePointer(heap: CHeap, at: number, address: number, pointerBytes: number): void {
  const view = new DataView(heap.buffer, at, pointerBytes);
  view.setUint32(0, address, true);
  if (pointerBytes > Uint32Array.BYTES_PER_ELEMENT) view.setUint32(Uint32Array.BYTES_PER_ELEMENT, 0, true);
}

/** All of malloc's family over a heap. */
export function cCalls(context: CContext): CCalls {
  const blocks = blockCalls(context);
  return { ...blocks, ...resizingCalls(context, blocks), ...alignedCalls(context) };
}
