import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import {
  BlockState,
  CHANGER_MASK,
  KIND_SHIFT,
  LETTERS_MASK,
  RECORD_BYTES,
  RECORD_MAGIC,
  RecordWord,
  SLOT_MASK,
  SLOT_SHIFT,
} from "./layout.ts";

/** A block as the layers below know it. */
export interface RawBlock {
  /** Its first byte. */
  readonly address: number;
  /** All its bytes. */
  readonly bytes: number;
}

/** What a record says of its block. */
export interface BlockRecord {
  readonly state: keyof typeof BlockState | "damaged";
  /** Bytes that were asked for. */
  readonly sizeBytes: number;
  /** Bytes from the start of the block to the object. */
  readonly padBytes: number;
  readonly letters: number;
  /** Kind of the cache that reports name. */
  readonly kind: number;
  readonly allocStack: number;
  readonly freeStack: number;
  /** Milliseconds since the heap was made. */
  readonly allocTimeMs: number;
  readonly freeTimeMs: number;
  readonly allocSlot: number;
  readonly freeSlot: number;
  readonly sequence: number;
}

const STATE_NAMES = new Map<number, keyof typeof BlockState>(
  Object.entries(BlockState).map(([name, value]) => [value, name as keyof typeof BlockState]),
);

/** Index in `words` of a block's record, which ends the block. */
export function recordWord({ address, bytes }: RawBlock): number {
  return (address + bytes - RECORD_BYTES) >>> WORD_SHIFT;
}

export function readRecord({ words }: LinearMemory, record: number): BlockRecord {
  const slots = words[record + RecordWord.SLOTS];
  const letters = words[record + RecordWord.LETTERS];
  return {
    state: stateOf(words, record),
    sizeBytes: words[record + RecordWord.SIZE] >>> 0,
    padBytes: words[record + RecordWord.PAD],
    letters: letters & LETTERS_MASK,
    kind: letters >>> KIND_SHIFT,
    allocStack: words[record + RecordWord.ALLOC_STACK] >>> 0,
    freeStack: words[record + RecordWord.FREE_STACK] >>> 0,
    allocTimeMs: words[record + RecordWord.ALLOC_TIME] >>> 0,
    freeTimeMs: words[record + RecordWord.FREE_TIME] >>> 0,
    allocSlot: slots & SLOT_MASK,
    freeSlot: (slots >>> SLOT_SHIFT) & SLOT_MASK,
    sequence: words[record + RecordWord.SEQUENCE] >>> 0,
  };
}

function stateOf(words: Int32Array, record: number): BlockRecord["state"] {
  const { state } = saidState(words, record);
  // Whoever was changing it may be dead, and its words be half written.
  if (state !== undefined && UNFINISHED.has(state)) return state;
  return isSound(words, record) ? (state ?? "damaged") : "damaged";
}

/** States in which a record's words need not agree. */
const UNFINISHED: ReadonlySet<BlockRecord["state"]> = new Set(["CHANGING", "RELEASING", "RESIZING"]);

/** Whether a thread was at work on the block: then nothing is expected of it. */
export function isUnfinished({ state }: Pick<BlockRecord, "state">): boolean {
  return UNFINISHED.has(state);
}

/** What the STATE of a record says, whether or not its other words are sound; and the slot that it names, or -1. */
export function saidState(
  words: Int32Array,
  record: number,
): { readonly state: keyof typeof BlockState | undefined; readonly changer: number } {
  const state = words[record + RecordWord.STATE];
  const changer = state & CHANGER_MASK;
  if (state - changer === BlockState.RELEASING) return { state: "RELEASING", changer };
  if (state - changer === BlockState.RESIZING) return { state: "RESIZING", changer };
  return { state: STATE_NAMES.get(state), changer: -1 };
}

/** Whether a block's last words were a record's once, though they may be damaged: pages may hold anything. */
export function hasRecord(words: Int32Array, record: number): boolean {
  const { MAGIC, CHECK } = RecordWord;
  return words[record + MAGIC] === RECORD_MAGIC || words[record + CHECK] === checkOf(words, record);
}

/** Whether the words of a record are those that were written. STATE is not among them: threads exchange it. */
export function isSound(words: Int32Array, record: number): boolean {
  return (
    words[record + RecordWord.MAGIC] === RECORD_MAGIC && words[record + RecordWord.CHECK] === checkOf(words, record)
  );
}

/** Writes the words that make a record sound, after its others have been written. */
export function seal(words: Int32Array, record: number): void {
  words[record + RecordWord.MAGIC] = RECORD_MAGIC;
  words[record + RecordWord.CHECK] = checkOf(words, record);
}

/** Odd, so that no change of one word can leave the sum what it was. */
const CHECK_FACTOR = 0x01000193;

function checkOf(words: Int32Array, record: number): number {
  let sum = RECORD_MAGIC;
  for (let word = record + RecordWord.SIZE; word < record + RecordWord.MAGIC; word++) {
    sum = Math.imul(sum ^ words[word], CHECK_FACTOR);
  }
  return sum;
}
