import { RECORD_BYTES, RED_LEFT_BYTES, RED_RIGHT_BYTES } from "./layout.ts";
import type { BlockRecord, RawBlock } from "./record.ts";

/** A debugged block around an address. */
export interface Located {
  readonly block: RawBlock;
  /** Whether the layers below have it handed out. */
  readonly isTaken: boolean;
  /** Index in `words` of its record. */
  readonly word: number;
  readonly record: BlockRecord;
}

/** First byte of the object of a block. */
export function objectAddress({ block, record }: Located): number {
  return block.address + record.padBytes;
}

/** Whether an object can lie in its block as the record says, which need not be sound. */
export function isPlausible({ block, record: { padBytes, sizeBytes } }: Located): boolean {
  const isAligned = padBytes >= RED_LEFT_BYTES && padBytes % RED_LEFT_BYTES === 0;
  return isAligned && padBytes + sizeBytes + RED_RIGHT_BYTES + RECORD_BYTES <= block.bytes;
}
