import { PAGE_SIZE } from "kmem";
import {
  BlockState,
  CHANGER_MASK,
  DebugByte,
  DebugLetter,
  LETTERS_MASK,
  OwnerMark,
  RECORD_BYTES,
  RECORD_MAGIC,
  RecordWord,
  RootWord,
  RunKind,
  SLOT_MASK,
  SLOT_SHIFT,
  STACK_HEADER_BYTES,
  StackWord,
  WORD_BYTES,
} from "kmem/layout";
import { type Block, blockAt, blocksOfSlab } from "./blocks.ts";
import type { DumpModel } from "./dump-model.ts";
import { frameWords, isDebugged } from "./heap-tables.ts";
import { slabsOf } from "./runs.ts";

/** Who allocated or freed an object. */
export interface Track {
  readonly stack: string;
  readonly slot: number;
  readonly ageMs: number;
}

/** A stretch of a block whose bytes are known, and those that differ. */
export interface Zone {
  readonly what: string;
  readonly start: number;
  readonly end: number;
  readonly expected: number;
  /** Addresses of the first and the last byte that differ; undefined where none does. */
  readonly bad: readonly [number, number] | undefined;
}

/** What the record at the end of a debugged block says. */
export interface DebugInfo {
  readonly state: string;
  readonly isDamaged: boolean;
  readonly objectAddress: number;
  readonly sizeBytes: number;
  readonly allocated: Track | undefined;
  readonly freed: Track | undefined;
  readonly zones: readonly Zone[];
  readonly recordAddress: number;
}

/** No stack's text is longer than the pages of the depot. */
const STACK_BYTES_MAX = 16_384;

const STATE_NAMES = new Map<number, string>(Object.entries(BlockState).map(([name, value]) => [value, name]));

/** Time of a dump and of the making of its heap: what the ages of blocks are counted by. */
interface DebugClock {
  readonly epochMs: number;
  readonly dumpedMs: number;
}

/** Finds the root of a debugged heap by its mark. O(pages). */
function clockOf(model: DumpModel): DebugClock | undefined {
  const { tables, kinds, memory } = model;
  if (tables === undefined) return undefined;
  for (let frame = tables.firstPageFrame; frame < tables.endFrame; frame++) {
    if (kinds[frame] !== RunKind.SYSTEM) continue;
    if (frameWords(memory, tables, frame).head !== OwnerMark.DEBUG_ROOT >>> 0) continue;
    const bytes = memory.read(frame * PAGE_SIZE, PAGE_SIZE);
    const view = new DataView(bytes.buffer);
    const double = (word: number): number => view.getFloat64(word * WORD_BYTES, true);
    return { epochMs: double(RootWord.EPOCH), dumpedMs: double(RootWord.DUMPED) };
  }
  return undefined;
}

const clocks = new WeakMap<DumpModel, DebugClock | undefined>();

function nowMs(model: DumpModel): number {
  if (!clocks.has(model)) clocks.set(model, clockOf(model));
  const clock = clocks.get(model);
  return clock === undefined ? 0 : Math.max(1, Math.round(clock.dumpedMs - clock.epochMs));
}

/** What the record of a block says; undefined where the heap is not debugged. */
export function debugInfoOf(model: DumpModel, block: Block): DebugInfo | undefined {
  if (model.tables === undefined || !isDebugged(model.tables) || block.bytes <= RECORD_BYTES) return undefined;
  const recordAddress = block.address + block.bytes - RECORD_BYTES;
  const words = new Uint32Array(model.memory.read(recordAddress, RECORD_BYTES).buffer);
  const state = stateOf(words[RecordWord.STATE]!);
  const slots = words[RecordWord.SLOTS]!;
  // A damaged record may say anything: nothing of a block lies outside of it.
  const objectAddress = Math.min(block.address + words[RecordWord.PAD]!, recordAddress);
  const sizeBytes = Math.min(words[RecordWord.SIZE]!, recordAddress - objectAddress);
  const track = (stack: number, slot: number, timeMs: number): Track => ({
    stack: stackText(model, stack),
    slot,
    ageMs: Math.max(0, nowMs(model) - timeMs),
  });
  const { ALLOC_STACK, ALLOC_TIME, FREE_STACK, FREE_TIME, SEQUENCE } = RecordWord;
  const isUsed = words[SEQUENCE] !== 0;
  const isFreed = words[FREE_TIME] !== 0;
  return {
    state,
    isDamaged: words[RecordWord.MAGIC] !== RECORD_MAGIC || words[RecordWord.CHECK] !== checkOf(words) >>> 0,
    objectAddress,
    sizeBytes,
    recordAddress,
    allocated: isUsed ? track(words[ALLOC_STACK]!, slots & SLOT_MASK, words[ALLOC_TIME]!) : undefined,
    freed: isFreed ? track(words[FREE_STACK]!, (slots >>> SLOT_SHIFT) & SLOT_MASK, words[FREE_TIME]!) : undefined,
    zones: zonesOf(model, block, state, words[RecordWord.LETTERS]! & LETTERS_MASK, objectAddress, sizeBytes),
  };
}

function stateOf(word: number): string {
  const plain = STATE_NAMES.get(word);
  if (plain !== undefined) return plain;
  return STATE_NAMES.get((word & ~CHANGER_MASK) >>> 0) ?? "damaged";
}

const CHECK_FACTOR = 0x01000193;

/** The sum over the words of a record that its CHECK has to be. */
function checkOf(words: Uint32Array): number {
  let sum: number = RECORD_MAGIC;
  for (let word: number = RecordWord.SIZE; word < RecordWord.MAGIC; word++)
    sum = Math.imul(sum ^ words[word]!, CHECK_FACTOR);
  return sum;
}

function stackText({ memory }: DumpModel, id: number): string {
  if (id === 0 || id % WORD_BYTES !== 0) return "";
  const length = memory.u32(id + StackWord.LENGTH * WORD_BYTES);
  if (length > STACK_BYTES_MAX) return "";
  return new TextDecoder().decode(memory.read(id + STACK_HEADER_BYTES, length));
}

function zonesOf(
  model: DumpModel,
  block: Block,
  state: string,
  letters: number,
  objectAddress: number,
  sizeBytes: number,
): Zone[] {
  const recordStart = block.address + block.bytes - RECORD_BYTES;
  const isLive = state === "LIVE";
  const isKnown = isLive || state === "FREE" || state === "QUARANTINED" || state === "FRESH";
  if (!isKnown) return [];
  const end = objectAddress + sizeBytes;
  const zones: Omit<Zone, "bad">[] = [];
  const red = isLive ? DebugByte.RED_ACTIVE : DebugByte.RED_INACTIVE;
  if ((letters & DebugLetter.Z) !== 0) {
    zones.push({ what: "left red zone", start: block.address, end: objectAddress, expected: red });
    zones.push({ what: "right red zone", start: end, end: recordStart, expected: red });
  }
  if ((letters & DebugLetter.P) !== 0 && !isLive && sizeBytes > 0) {
    const expected = state === "FRESH" ? DebugByte.POISON_INUSE : DebugByte.POISON_FREE;
    zones.push({ what: "poison", start: objectAddress, end: end - 1, expected });
    zones.push({ what: "end of the poison", start: end - 1, end, expected: DebugByte.POISON_END });
  }
  return zones
    .filter((zone) => zone.end > zone.start)
    .map((zone) => ({ ...zone, bad: overwrittenIn(model, zone) }))
    .sort((one, other) => one.start - other.start);
}

function overwrittenIn({ memory }: DumpModel, zone: Omit<Zone, "bad">): Zone["bad"] {
  const bytes = memory.read(zone.start, zone.end - zone.start);
  const first = bytes.findIndex((byte) => byte !== zone.expected);
  if (first < 0) return undefined;
  return [zone.start + first, zone.start + bytes.findLastIndex((byte) => byte !== zone.expected)];
}

/** A live object of a debugged heap. */
export interface LiveRecord {
  readonly address: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** Every live object of a debugged heap, in the order of the caches' slabs. O(heap). */
export function* liveRecords(model: DumpModel): Generator<LiveRecord> {
  const { tables, kinds, memory } = model;
  if (tables === undefined || !isDebugged(tables)) return;
  const recordOf = (block: Block): LiveRecord | undefined => {
    if (block.state !== "live" || block.bytes <= RECORD_BYTES) return undefined;
    const at = block.address + block.bytes - RECORD_BYTES;
    if (memory.u32(at + RecordWord.STATE * WORD_BYTES) !== BlockState.LIVE) return undefined;
    const ageMs = Math.max(0, nowMs(model) - memory.u32(at + RecordWord.ALLOC_TIME * WORD_BYTES));
    return { address: block.address, bytes: block.bytes, ageMs };
  };
  for (const slab of slabsOf(model)) {
    for (const block of blocksOfSlab(model, slab)) {
      const record = recordOf(block);
      if (record !== undefined) yield record;
    }
  }
  for (let frame = tables.firstPageFrame; frame < tables.endFrame; frame++) {
    if (kinds[frame] !== RunKind.LARGE_BLOCK) continue;
    const block = blockAt(model, frame * PAGE_SIZE);
    const record = block === undefined ? undefined : recordOf(block);
    if (record !== undefined) yield record;
  }
}
