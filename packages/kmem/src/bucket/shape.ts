import { PAGE_SIZE, WORD_BYTES } from "../memory/layout.ts";
import {
  BITMAP_BIT_MASK,
  BITMAP_WORD_SHIFT,
  BUCKET_MAX_BYTES,
  BUCKET_MAX_SHIFT,
  BUCKET_MIN_SHIFT,
  BucketWord,
  LISTS_PER_POOL,
} from "./layout.ts";

/** How buckets of one block size are cut. */
export interface BucketShape {
  /** log2 of the block size. */
  readonly shift: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  /** Byte of the bucket at which its first block starts. */
  readonly dataOffset: number;
  readonly pageCount: number;
}

/** log2 of the smallest block that holds `sizeBytes` (whole, from 1); above BUCKET_MAX_SHIFT where none does. O(1). */
export function blockShiftFor(sizeBytes: number): number {
  if (sizeBytes > BUCKET_MAX_BYTES) return BUCKET_MAX_SHIFT + 1;
  return Math.max(BUCKET_MIN_SHIFT, 32 - Math.clz32(sizeBytes - 1));
}

/** Words of the bitmap of so many blocks. */
export function bitmapWords(blockCount: number): number {
  return (blockCount + BITMAP_BIT_MASK) >>> BITMAP_WORD_SHIFT;
}

function dataOffsetFor(blockCount: number, blockBytes: number): number {
  const metadataBytes = (BucketWord.BITMAP + bitmapWords(blockCount)) * WORD_BYTES;
  return Math.ceil(metadataBytes / blockBytes) * blockBytes;
}

function shapeOf(shift: number): BucketShape {
  const blockBytes = 2 ** shift;
  if (blockBytes >= PAGE_SIZE) {
    return { shift, blockBytes, blockCount: 1, dataOffset: PAGE_SIZE, pageCount: 1 + blockBytes / PAGE_SIZE };
  }
  let blockCount = PAGE_SIZE / blockBytes;
  while (dataOffsetFor(blockCount, blockBytes) + blockCount * blockBytes > PAGE_SIZE) blockCount--;
  return { shift, blockBytes, blockCount, dataOffset: dataOffsetFor(blockCount, blockBytes), pageCount: 1 };
}

/** The shapes by log2 of the block size; those below the smallest block are never used. */
export function bucketShapes(): readonly BucketShape[] {
  return Array.from({ length: LISTS_PER_POOL }, (_, shift) => shapeOf(Math.max(shift, BUCKET_MIN_SHIFT)));
}
