import { boundsAt } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { hex } from "../memory/errors.ts";
import type { Finding } from "../memory/finding.ts";
import { PAGE_SHIFT } from "../memory/layout.ts";
import { FrameKind } from "../pages/layout.ts";
import { CacheRecord, isLive } from "../slab/layout.ts";
import { assignBlock } from "../slab/ownership.ts";
import { CLASS_COUNT } from "../slab/size-classes.ts";
import { tagIndex } from "../slab/tags.ts";
import { type Overwrite, overwritesIn, stretchesOf } from "./block-bytes.ts";
import { BlockZones, poisonBytes, type ZoneRecord } from "./block-zones.ts";
import type { StackDepot } from "./depot.ts";
import { BugReporter, type DebugSettings, type DebugTracer } from "./findings.ts";
import {
  BlockState,
  CONSTRUCTED,
  DebugByte,
  DebugLetter,
  KIND_SHIFT,
  RECORD_BYTES,
  RED_LEFT_BYTES,
  RED_RIGHT_BYTES,
  RecordWord,
  SLOT_SHIFT,
} from "./layout.ts";
import { isPlausible, type Located, objectAddress } from "./locate-object.ts";
import type { Evicted } from "./quarantine.ts";
import { type BlockRecord, isUnfinished, type RawBlock, readRecord, recordWord, saidState, seal } from "./record.ts";
import type { BugReport } from "./report.ts";
import type { DebugRoot } from "./root.ts";
import { CallerStacks } from "./stack.ts";

const FIRST_NAMED_CACHE: number = FrameKind.FIRST_CACHE + CLASS_COUNT;

/** What becomes of a damaged record. */
const REBUILT = "Object padding made anew";

/** What is asked for. */
export interface Asked {
  readonly sizeBytes: number;
  readonly padBytes: number;
  /** Kind of the cache that reports are to name. */
  readonly kind: number;
  /** The public function that was called: the recorded stack begins with its caller. */
  readonly entryFunction: unknown;
}

/** Formats the blocks of a debugged heap, and finds out what has become of them; see layout.ts. One for each thread. */
export class DebugBlocks {
  readonly #layers: Layers;
  readonly #root: DebugRoot;
  readonly #depot: StackDepot;
  readonly #stacks: CallerStacks;
  readonly #reporter: BugReporter;
  readonly #tracer: DebugTracer | undefined;
  /** Laid out anew for each block. */
  readonly #zones = new BlockZones();
  #sequence = 0;

  constructor(layers: Layers, root: DebugRoot, depot: StackDepot, settings: DebugSettings) {
    this.#layers = layers;
    this.#root = root;
    this.#depot = depot;
    this.#stacks = new CallerStacks(depot, settings);
    const report = (bug: BugReport): void => layers.slabs.functions.userCalls.within(() => settings.report(bug));
    this.#reporter = new BugReporter(layers, root, depot, this.#stacks, { ...settings, report });
    this.#tracer = settings.tracer;
  }

  /** Bytes that a block has besides its object: `padBytes` before it, the rest behind. */
  static overheadBytes(padBytes: number): number {
    return padBytes + RED_RIGHT_BYTES + RECORD_BYTES;
  }

  /** Bytes before an object that is to be aligned so. */
  static padBytes(alignmentBytes: number): number {
    return Math.max(RED_LEFT_BYTES, alignmentBytes);
  }

  /** Allocations of this thread so far. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Has the numbers of its allocations to come begin after one. */
  raiseSequence(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /** The debugged block that an address lies in, taken or free; undefined where there is none. Any number will do. */
  locate(address: number): Located | undefined {
    const block = boundsAt(this.#layers, address);
    if (block === undefined || block.bytes < RECORD_BYTES) return undefined;
    const { memory, geometry } = this.#layers;
    return this.#located(block, isLive(memory.bytes[tagIndex(geometry, block.address)]));
  }

  #located(block: RawBlock, isTaken: boolean): Located {
    const word = recordWord(block);
    return { block, isTaken, word, record: readRecord(this.#layers.memory, word) };
  }

  /** Formats a block of a slab that is just being made. */
  format(block: RawBlock, kind: number, padBytes: number): void {
    const { memory } = this.#layers;
    const word = recordWord(block);
    const { words } = memory;
    words[word + RecordWord.STATE] = BlockState.CHANGING;
    words.fill(0, word + RecordWord.SIZE, word + RecordWord.MAGIC);
    words[word + RecordWord.SIZE] = block.bytes - DebugBlocks.overheadBytes(padBytes);
    words[word + RecordWord.PAD] = padBytes;
    words[word + RecordWord.LETTERS] = this.#root.letters(kind) | (kind << KIND_SHIFT);
    seal(words, word);
    this.#fill(block, readRecord(memory, word), "FRESH");
    words[word + RecordWord.STATE] = BlockState.FRESH;
  }

  /** Makes a block that was just taken an object; returns its address. Reports what was written to it meanwhile. */
  activate(block: RawBlock, { sizeBytes, padBytes, kind, entryFunction }: Asked): number {
    const { memory, slot, pages } = this.#layers;
    const located = this.#located(block, true);
    const { word, record } = located;
    const isInSlab = pages.frames.kind(block.address >>> PAGE_SHIFT) >= FrameKind.FIRST_CACHE;
    if (isInSlab && (record.state === "FREE" || record.state === "FRESH")) this.verify(located, entryFunction);
    else if (isInSlab && record.state === "damaged") this.#reporter.damaged(located, entryFunction, REBUILT);
    const letters = this.#root.letters(kind);
    const before = memory.words;
    before[word + RecordWord.STATE] = BlockState.CHANGING;
    before[word + RecordWord.SIZE] = sizeBytes;
    before[word + RecordWord.PAD] = padBytes;
    before[word + RecordWord.LETTERS] = letters | (kind << KIND_SHIFT);
    // To keep a stack the memory may grow, and with that detach the views that there were.
    const stack = this.#stackId(letters, entryFunction);
    if (stack !== 0) this.#depot.count(stack, sizeBytes);
    const { words } = memory;
    words[word + RecordWord.ALLOC_STACK] = stack;
    words[word + RecordWord.FREE_STACK] = 0;
    words[word + RecordWord.ALLOC_TIME] = this.#reporter.now();
    words[word + RecordWord.FREE_TIME] = 0;
    words[word + RecordWord.SLOTS] = slot;
    words[word + RecordWord.SEQUENCE] = ++this.#sequence;
    seal(words, word);
    const address = block.address + padBytes;
    this.#fill(block, { letters, padBytes, sizeBytes, kind }, "LIVE");
    if ((letters & (DebugLetter.P | CONSTRUCTED)) === DebugLetter.P) {
      poisonBytes(memory, address, address + sizeBytes, DebugByte.POISON_FREE);
    }
    words[word + RecordWord.STATE] = BlockState.LIVE;
    this.#tracer?.alloc(kind, address, sizeBytes, block.bytes, stack);
    if ((letters & DebugLetter.T) !== 0) this.#reporter.trace("alloc", kind, address, entryFunction);
    return address;
  }

  /**
   * Marks the object at an address as freed, after a look at its red zones: QUARANTINED, for the block below it stays
   * allocated. Reports what was written beyond it. Throws DOUBLE_FREE and INVALID_FREE, with the report, for anything
   * that is no object.
   */
  deactivate(address: number, entryFunction: unknown): Located {
    const located = this.#requireObject(address, entryFunction);
    const freed = this.release(located, address, entryFunction);
    if (freed === undefined) throw this.#reporter.refusal(address, this.locate(address), entryFunction);
    return freed;
  }

  /** The same for a block that was found to be a live object; undefined where another thread has just freed it. */
  release(located: Located, address: number, entryFunction: unknown): Located | undefined {
    const { block, word, record } = located;
    const { memory, slot } = this.#layers;
    if (record.state !== "damaged") this.verify(located, entryFunction);
    const state = word + RecordWord.STATE;
    const from = record.state === "damaged" ? memory.words[state] : BlockState.LIVE;
    if (Atomics.compareExchange(memory.words, state, from, BlockState.RELEASING | slot) !== from) return undefined;
    // From here on it is this thread's: no reaping of the one that allocated it takes it out of the quarantine.
    assignBlock(this.#layers, block.address, slot);
    if (record.state === "damaged") this.#forget(located, address);
    const sealed = record.state === "damaged" ? readRecord(memory, word) : record;
    const { letters, kind, allocSlot } = sealed;
    const stack = this.#stackId(letters, entryFunction);
    // Only now: to keep the stack the memory may have grown.
    const { words } = memory;
    words[word + RecordWord.FREE_STACK] = stack;
    words[word + RecordWord.FREE_TIME] = this.#reporter.now();
    words[word + RecordWord.SLOTS] = allocSlot | (slot << SLOT_SHIFT);
    seal(words, word);
    this.#fill(block, sealed, "FREE");
    words[state] = BlockState.QUARANTINED;
    this.#tracer?.free(kind, address, stack);
    if ((letters & DebugLetter.T) !== 0) this.#reporter.trace("free", kind, address, entryFunction);
    // Of what the quarantine keeps of it only a damaged record said anything else.
    return record.state === "damaged" ? this.#located(block, true) : located;
  }

  /** Makes a damaged record one that knows only where its object is, and whose slab that is. */
  #forget({ block, word }: Located, address: number): void {
    const { memory, pages } = this.#layers;
    const { words } = memory;
    const kind = pages.frames.kind(block.address >>> PAGE_SHIFT);
    const padBytes = address - block.address;
    words.fill(0, word + RecordWord.SIZE, word + RecordWord.MAGIC);
    words[word + RecordWord.SIZE] = Math.max(0, block.bytes - DebugBlocks.overheadBytes(padBytes));
    words[word + RecordWord.PAD] = padBytes;
    words[word + RecordWord.LETTERS] = this.#root.letters(kind) | (kind << KIND_SHIFT);
  }

  /** Says that a block leaves the quarantine; reports what was written to it there. */
  leaveQuarantine({ block, padBytes }: Evicted, entryFunction: unknown): void {
    const { memory } = this.#layers;
    const located = this.#located(block, true);
    const { word } = located;
    if (located.record.state === "damaged") {
      this.#reporter.damaged(located, entryFunction, REBUILT);
      this.#forget(located, block.address + padBytes);
      seal(memory.words, word);
      this.#fill(block, readRecord(memory, word), "FREE");
    } else this.verify(located, entryFunction);
    memory.words[word + RecordWord.STATE] = BlockState.FREE;
  }

  /** Makes a block that leaves the quarantine a free one, with no look at what was written to it there. */
  leaveUnverified({ block, padBytes }: Evicted): void {
    const { memory } = this.#layers;
    const located = this.#located(block, true);
    const { word } = located;
    if (located.record.state === "damaged") this.#forget(located, block.address + padBytes);
    seal(memory.words, word);
    this.#fill(block, readRecord(memory, word), "FREE");
    memory.words[word + RecordWord.STATE] = BlockState.FREE;
  }

  /**
   * Gives an object that stays where it is another size. Reports and throws INVALID_ADDRESS where another thread has
   * just freed it.
   */
  resize(located: Located, sizeBytes: number, entryFunction: unknown): void {
    const { block, word, record } = located;
    const { memory, slot } = this.#layers;
    this.verify(this.#located(block, true), entryFunction);
    const { words } = memory;
    const state = word + RecordWord.STATE;
    if (Atomics.compareExchange(words, state, BlockState.LIVE, BlockState.RESIZING | slot) !== BlockState.LIVE) {
      throw this.#reporter.notLive(objectAddress(located), this.#located(block, true), entryFunction);
    }
    words[word + RecordWord.SIZE] = sizeBytes;
    seal(words, word);
    this.#fill(block, { ...record, sizeBytes }, "LIVE");
    words[word + RecordWord.STATE] = BlockState.LIVE;
  }

  /** Reports a damaged record that is about to be rebuilt. */
  reportDamaged(located: Located, entryFunction: unknown): void {
    this.#reporter.damaged(located, entryFunction, REBUILT);
  }

  /** Makes a block that a dead thread was freeing, or had not made an object yet, a free one. */
  settleFree(located: Located): void {
    const { memory } = this.#layers;
    const { block, word } = located;
    const isKnown = saidState(memory.words, word).state === "RELEASING" && isPlausible(located);
    if (!isKnown) this.#forget(located, block.address + RED_LEFT_BYTES);
    seal(memory.words, word);
    this.#fill(block, readRecord(memory, word), "FREE");
    memory.words[word + RecordWord.STATE] = BlockState.FREE;
  }

  /** Makes the record of a block that leaves for plain use none, so that no block after it is taken for one. */
  erase(block: RawBlock): void {
    const { words } = this.#layers.memory;
    const word = recordWord(block);
    words[word + RecordWord.MAGIC] = 0;
    words[word + RecordWord.CHECK] = 0;
    words[word + RecordWord.STATE] = 0;
  }

  /** Makes an object that a dead thread was resizing a live one, of the size that its record says. */
  settleLive(located: Located): void {
    const { memory } = this.#layers;
    const { block, word, record } = located;
    if (isPlausible(located)) {
      seal(memory.words, word);
      this.#fill(block, record, "LIVE");
    }
    memory.words[word + RecordWord.STATE] = BlockState.LIVE;
  }

  /** Makes the bytes that a block's state determines what they are to be; returns what was otherwise. */
  restore(located: Located): Overwrite[] {
    const overwrites = this.overwrites(located);
    for (const { byte, from, to } of overwrites) this.#layers.memory.bytes.fill(byte, from, to);
    return overwrites;
  }

  /**
   * Makes a damaged record anew. A block that is allocated below is LIVE where STATE says so or nothing that there is,
   * and QUARANTINED otherwise; one that is not allocated is FREE.
   */
  remake(located: Located): void {
    const { memory } = this.#layers;
    const { block, word, isTaken, record } = located;
    const { state } = saidState(memory.words, word);
    const isObject = isTaken && (state === undefined || state === "LIVE");
    this.#forget(located, block.address + (isPlausible(located) ? record.padBytes : RED_LEFT_BYTES));
    seal(memory.words, word);
    // The bytes of an object are kept: nobody knows where it ended.
    this.#fill(block, readRecord(memory, word), isObject ? "LIVE" : "FREE");
    const freed = isTaken ? BlockState.QUARANTINED : BlockState.FREE;
    memory.words[word + RecordWord.STATE] = isObject ? BlockState.LIVE : freed;
  }

  /** What is wrong with a block now. Reads only. */
  overwrites({ block, record }: Located): Overwrite[] {
    if (record.state === "damaged" || isUnfinished(record)) return [];
    const zones = this.#layOut(block, record, record.state);
    return zones.areWhole(this.#layers.memory) ? [] : overwritesIn(this.#layers.memory, stretchesOf(zones));
  }

  /** The same as a check lists it. */
  findings(located: Located): Finding[] {
    const { record, block } = located;
    if (record.state === "damaged") {
      return [{ layer: "debug", address: block.address, problem: "the record of a block is damaged" }];
    }
    const where = `object ${hex(objectAddress(located))} of ${this.cacheName(record.kind)}, ${record.sizeBytes} bytes`;
    return this.overwrites(located).map(({ what, from, to, found, byte }) => {
      const instead = `0x${found.toString(16)} instead of 0x${byte.toString(16)}`;
      const problem = `${what} overwritten in ${hex(from)}-${hex(to - 1)}: ${instead} (${where})`;
      return { layer: "debug", address: from, problem };
    });
  }

  /** Reports what is wrong with a block, and repairs it; returns whether all was well. */
  verify(located: Located, entryFunction: unknown): boolean {
    const overwrites = this.overwrites(located);
    for (const overwrite of overwrites) {
      const { what, from, to, byte } = overwrite;
      const fix = `Restoring ${what} 0x${from.toString(16)}-0x${(to - 1).toString(16)}=0x${byte.toString(16)}`;
      const report = this.#reporter.corruption(located, overwrite, fix, entryFunction);
      // Before it is told: who is told may free the block, or call what has found this.
      if (!this.#reporter.panics) this.#layers.memory.bytes.fill(byte, from, to);
      this.#reporter.found(report);
    }
    return overwrites.length === 0;
  }

  /** As {@link verify}, for any block that there is: a damaged record is reported, but does not say what it was. */
  validate(located: Located, entryFunction: unknown): boolean {
    if (located.record.state !== "damaged") return this.verify(located, entryFunction);
    this.#reporter.damaged(located, entryFunction);
    return false;
  }

  /**
   * The live object that starts at an address; reports and throws for anything else. Where the record is damaged
   * neither can be verified: the address is accepted unless STATE says that it is freed.
   */
  #requireObject(address: number, entryFunction: unknown): Located {
    const located = this.locate(address);
    if (located === undefined || !located.isTaken) throw this.#reporter.refusal(address, located, entryFunction);
    const { block, record } = located;
    if (record.state === "damaged") {
      const { state } = saidState(this.#layers.memory.words, located.word);
      // Of a damaged record STATE may be whole, and say that the block lies in a quarantine.
      const isFreed = state !== undefined && state !== "LIVE";
      this.#reporter.damaged(located, entryFunction, isFreed ? undefined : REBUILT);
      if (isFreed) throw this.#reporter.refusal(address, located, entryFunction);
      return located;
    }
    if (record.state !== "LIVE" || address !== block.address + record.padBytes)
      throw this.#reporter.refusal(address, located, entryFunction);
    return located;
  }

  /** Milliseconds since something was noted in a record. */
  ageMs(timeMs: number): number {
    return Math.max(0, this.#reporter.now() - timeMs);
  }

  /** The name that reports give to a cache. */
  cacheName(kind: number): string {
    return this.#reporter.cacheName(kind);
  }

  /** Reports and throws INVALID_FREE where an address lies in a block of another cache than it was given to. */
  requireKind(address: number, kind: number, cache: string, entryFunction: unknown): void {
    const located = this.locate(address);
    if (located === undefined || located.record.state === "damaged" || located.record.kind === kind) return;
    throw this.#reporter.wrongCache(address, located, cache, entryFunction);
  }

  /** The live object that starts at an address. Reports and throws INVALID_ADDRESS for anything else. */
  requireLive(address: number, entryFunction: unknown): Located {
    const located = this.locate(address);
    const isLive = located?.isTaken === true && located.record.state === "LIVE";
    if (isLive && address === objectAddress(located)) return located;
    throw this.#reporter.notLive(address, located, entryFunction);
  }

  #stackId(letters: number, entryFunction: unknown): number {
    if ((letters & DebugLetter.U) === 0) return 0;
    return this.#stacks.id(entryFunction);
  }

  #layOut(block: RawBlock, record: ZoneRecord & Pick<BlockRecord, "kind">, state: BlockRecord["state"]): BlockZones {
    const { kind, sizeBytes } = record;
    const isClass = kind >= FrameKind.FIRST_CACHE && kind < FIRST_NAMED_CACHE;
    const objectBytes = isClass ? this.#layers.caches.get(kind, CacheRecord.OBJECT_BYTES) : sizeBytes;
    return this.#zones.layOut(block, record, state, objectBytes);
  }

  /** Makes the bytes that the state of a block determines what they are to be. */
  #fill(block: RawBlock, record: ZoneRecord & Pick<BlockRecord, "kind">, state: BlockRecord["state"]): void {
    this.#layOut(block, record, state).fill(this.#layers.memory);
  }
}

/** Bytes of the block that an object takes. */
export function rawBytesOf({ sizeBytes, padBytes }: Asked): number {
  return sizeBytes + DebugBlocks.overheadBytes(padBytes);
}
