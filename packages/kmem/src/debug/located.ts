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
