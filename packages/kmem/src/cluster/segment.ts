import { ADDRESS_SPACE_BYTES } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { MIN_BLOCK_SIZE } from "./layout.ts";

/** A stretch of virtual addresses and the bytes behind it. */
export interface HeapSegment {
  /** First virtual address. */
  readonly base: number;
  readonly length: number;
  /** The cluster's memory. */
  readonly memory: LinearMemory;
  /** Byte of that memory that `base` stands for. */
  readonly offset: number;
}

/** Why a segment cannot hold a heap, in the words of the GIET message. */
export type SegmentFault =
  | "not power of 2"
  | "not aligned"
  | "smaller than MIN_BLOCK_SIZE"
  | "at address 0"
  | "larger than its memory"
  | "overlaps another segment";

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && Number.isInteger(Math.log2(value));
}

/** What is wrong with a segment by itself, or undefined. */
export function segmentFault({ base, length, memory, offset }: HeapSegment): SegmentFault | undefined {
  if (!isPowerOfTwo(length)) return "not power of 2";
  if (length < MIN_BLOCK_SIZE) return "smaller than MIN_BLOCK_SIZE";
  if (!(Number.isInteger(base) && base >= 0 && base % length === 0 && base + length <= ADDRESS_SPACE_BYTES))
    return "not aligned";
  // The block at address 0 could not be told from NULL.
  if (base === 0) return "at address 0";
  if (!(Number.isInteger(offset) && offset >= 0 && offset % MIN_BLOCK_SIZE === 0)) return "not aligned";
  return offset + length > memory.byteLength ? "larger than its memory" : undefined;
}

/** Whether two segments share a virtual address or a byte of memory. */
export function segmentsOverlap(one: HeapSegment, other: HeapSegment): boolean {
  if (intersect(one.base, one.length, other.base, other.length)) return true;
  return coversBytes(one, other.memory, other.offset, other.length);
}

/** Whether a segment lies over any of these bytes of a memory. */
export function coversBytes(segment: HeapSegment, memory: LinearMemory, offset: number, length: number): boolean {
  return isSameMemory(segment.memory, memory) && intersect(segment.offset, segment.length, offset, length);
}

/** Whether two stand for the same bytes: a WebAssembly.Memory and its buffer do. */
function isSameMemory(one: LinearMemory, other: LinearMemory): boolean {
  return one.source === other.source || one.buffer === other.buffer;
}

function intersect(oneStart: number, oneLength: number, otherStart: number, otherLength: number): boolean {
  return oneStart < otherStart + otherLength && otherStart < oneStart + oneLength;
}
