import type { LinearMemory } from "../memory/memory.ts";
import { DebugByte, DebugLetter, RECORD_BYTES } from "./layout.ts";
import type { BlockRecord, RawBlock } from "./record.ts";

/** A stretch of a block whose bytes are known, by the name that SLUB's reports give it. */
export interface Stretch {
  readonly what: "Left Redzone" | "Right Redzone" | "kmalloc Redzone" | "Poison" | "End Poison";
  readonly start: number;
  readonly end: number;
  readonly byte: number;
}

/** Bytes of a stretch that are not what they were. */
export interface Overwrite extends Stretch {
  /** First and one past the last byte that differs. */
  readonly from: number;
  readonly to: number;
  /** The first byte that differs, as it is now. */
  readonly found: number;
}

/** A block's record, and what its cache says of its objects. */
export interface BlockShape extends Pick<BlockRecord, "letters" | "padBytes" | "sizeBytes" | "state"> {
  /** Bytes of the cache's objects: what was asked for may be less. */
  readonly objectBytes: number;
  /** Whether the object keeps what its constructor made of it while it is free. */
  readonly isConstructed: boolean;
}

/** The stretches of a block whose bytes its state determines, in the order of their addresses. */
export function stretchesOf(block: RawBlock, shape: BlockShape): Stretch[] {
  const { padBytes, letters, state, objectBytes } = shape;
  const isLive = state === "LIVE";
  const recordStart = block.address + block.bytes - RECORD_BYTES;
  // A forged record may say anything of itself: nothing of a block lies outside of it.
  const start = Math.max(block.address, Math.min(block.address + padBytes, recordStart));
  const end = Math.min(start + shape.sizeBytes, recordStart);
  const objectEnd = Math.max(end, Math.min(start + objectBytes, recordStart));
  const stretches: Stretch[] = [];
  const red = isLive ? DebugByte.RED_ACTIVE : DebugByte.RED_INACTIVE;
  const hasZones = (letters & DebugLetter.Z) !== 0;
  if (hasZones) stretches.push({ what: "Left Redzone", start: block.address, end: start, byte: red });
  if ((letters & DebugLetter.P) !== 0 && !isLive && !shape.isConstructed && end > start) {
    const byte = state === "FRESH" ? DebugByte.POISON_INUSE : DebugByte.POISON_FREE;
    stretches.push({ what: "Poison", start, end: end - 1, byte });
    stretches.push({ what: "End Poison", start: end - 1, end, byte: DebugByte.POISON_END });
  }
  if (hasZones) {
    stretches.push({ what: "kmalloc Redzone", start: end, end: objectEnd, byte: red });
    stretches.push({ what: "Right Redzone", start: objectEnd, end: recordStart, byte: red });
  }
  return stretches.filter((stretch) => stretch.end > stretch.start);
}

/** What differs in the stretches of a block. O(bytes). */
export function overwritesIn(memory: LinearMemory, stretches: readonly Stretch[]): Overwrite[] {
  const { bytes } = memory;
  return stretches.flatMap((stretch) => {
    const { start, end, byte } = stretch;
    let from = start;
    while (from < end && bytes[from] === byte) from++;
    if (from === end) return [];
    let to = end;
    while (bytes[to - 1] === byte) to--;
    return [{ ...stretch, from, to, found: bytes[from] }];
  });
}

/** Makes the bytes of stretches what they are to be. */
export function fillStretches({ bytes }: LinearMemory, stretches: readonly Stretch[]): void {
  for (const { start, end, byte } of stretches) bytes.fill(byte, start, end);
}
