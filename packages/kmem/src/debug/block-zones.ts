import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { CONSTRUCTED, DebugByte, DebugLetter, RECORD_BYTES } from "./layout.ts";
import type { BlockRecord, RawBlock } from "./record.ts";

/** The part of a record that says which bytes of its block are known. */
export type ZoneRecord = Pick<BlockRecord, "letters" | "padBytes" | "sizeBytes">;

/** A word of four equal bytes is the byte times this. */
const BYTES_OF_WORD = 0x0101_0101;
const WORD_MASK: number = WORD_BYTES - 1;
/** Longer stretches are filled by the engine's own function: below that its call costs more than the loop. */
const LOOP_MAX_BYTES = 512;

/**
 * Where the bytes of a block lie that its state determines: red zones around the object, poison in it. One of these is
 * laid out anew for each block: an object for each would keep the garbage collector busy.
 */
export class BlockZones {
  /** The block begins here, and with it the left red zone. */
  address = 0;
  /** The object begins here. */
  start = 0;
  /** What was asked for ends here, and the object's class at `objectEnd`; both are parts of the right red zone. */
  end = 0;
  objectEnd = 0;
  /** The right red zone ends here, at the block's record. */
  recordStart = 0;
  hasZones = false;
  /** Whether the object is poisoned: it is free, and not kept as its constructor made it. */
  hasPoison = false;
  red = 0;
  poison = 0;

  /** Lays out a block in a state. `objectBytes` are those of its cache's objects: what was asked for may be less. */
  layOut(block: RawBlock, record: ZoneRecord, state: BlockRecord["state"], objectBytes: number): this {
    const { address, bytes } = block;
    const { letters, padBytes, sizeBytes } = record;
    const isLive = state === "LIVE";
    this.address = address;
    // A forged record may say anything of itself: nothing of a block lies outside of it.
    this.recordStart = address + bytes - RECORD_BYTES;
    this.start = Math.max(address, Math.min(address + padBytes, this.recordStart));
    this.end = Math.min(this.start + sizeBytes, this.recordStart);
    this.objectEnd = Math.max(this.end, Math.min(this.start + objectBytes, this.recordStart));
    this.hasZones = (letters & DebugLetter.Z) !== 0;
    this.hasPoison = (letters & (DebugLetter.P | CONSTRUCTED)) === DebugLetter.P && !isLive && this.end > this.start;
    this.red = isLive ? DebugByte.RED_ACTIVE : DebugByte.RED_INACTIVE;
    this.poison = state === "FRESH" ? DebugByte.POISON_INUSE : DebugByte.POISON_FREE;
    return this;
  }

  /** Whether all of these bytes are what they are to be. O(bytes). */
  areWhole(memory: LinearMemory): boolean {
    const { address, start, end, recordStart, red, poison } = this;
    if (this.hasZones && !(isFilled(memory, address, start, red) && isFilled(memory, end, recordStart, red))) {
      return false;
    }
    if (!this.hasPoison) return true;
    return memory.bytes[end - 1] === DebugByte.POISON_END && isFilled(memory, start, end - 1, poison);
  }

  /** Makes these bytes what they are to be. O(bytes). */
  fill(memory: LinearMemory): void {
    const { address, start, end, recordStart, red, poison } = this;
    if (this.hasZones) {
      fillBytes(memory, address, start, red);
      fillBytes(memory, end, recordStart, red);
    }
    if (this.hasPoison) poisonBytes(memory, start, end, poison);
  }
}

/** Fills an object with poison, whose last byte is another one. */
export function poisonBytes(memory: LinearMemory, start: number, end: number, poison: number): void {
  if (end <= start) return;
  fillBytes(memory, start, end - 1, poison);
  memory.bytes[end - 1] = DebugByte.POISON_END;
}

function isFilled({ bytes, words }: LinearMemory, start: number, end: number, byte: number): boolean {
  const firstWord = (start + WORD_MASK) >>> WORD_SHIFT;
  const endWord = end >>> WORD_SHIFT;
  if (firstWord >= endWord) return areBytes(bytes, start, end, byte);
  const word = Math.imul(byte, BYTES_OF_WORD);
  for (let index = firstWord; index < endWord; index++) if (words[index] !== word) return false;
  return (
    areBytes(bytes, start, (firstWord << WORD_SHIFT) >>> 0, byte) &&
    areBytes(bytes, (endWord << WORD_SHIFT) >>> 0, end, byte)
  );
}

function areBytes(bytes: Uint8Array, start: number, end: number, byte: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== byte) return false;
  return true;
}

function fillBytes({ bytes, words }: LinearMemory, start: number, end: number, byte: number): void {
  const firstWord = (start + WORD_MASK) >>> WORD_SHIFT;
  const endWord = end >>> WORD_SHIFT;
  if (end - start > LOOP_MAX_BYTES || firstWord >= endWord) {
    bytes.fill(byte, start, end);
    return;
  }
  const word = Math.imul(byte, BYTES_OF_WORD);
  for (let index = firstWord; index < endWord; index++) words[index] = word;
  for (let at = start; at < (firstWord << WORD_SHIFT) >>> 0; at++) bytes[at] = byte;
  for (let at = (endWord << WORD_SHIFT) >>> 0; at < end; at++) bytes[at] = byte;
}
