import { layersOf } from "../../heap/access.ts";
import type { Heap } from "../../heap/heap.ts";
import { blockAt, blocksOf } from "../../heap/inspect.ts";
import { requireAlignment, requireSize } from "../../kmalloc/kmalloc.ts";
import { KmemError, OutOfMemoryError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES, WORD_BYTES, WORD_SHIFT } from "../../memory/layout.ts";
import { outOfMemory } from "../../pages/out-of-memory.ts";
import { Cell, RECORD_STATE_MASK, Record, RecordState, sealOf, ZONE_BYTES } from "../instrument/layout.ts";
import type { Shadow } from "./shadow.ts";

/** What is known of a block of a program that is checked. */
export interface CheckedBlock {
  /** Its first byte. */
  readonly address: number;
  /** Bytes that were asked for. */
  readonly sizeBytes: number;
  readonly isLive: boolean;
  /** Ids of the stacks that it was allocated and freed from; 0 for none. */
  readonly allocatedBy: number;
  readonly freedBy: number;
}

/** How the blocks of a program are kept. */
export interface CheckedBlocksOptions {
  readonly heap: Heap;
  readonly shadow: Shadow;
  readonly quarantineBytes: number;
  /** The id of the stack of the call that is being served. */
  stackNow(): number;
  /** Whether a block that is allocated from a stack counts as written: JavaScript's do. */
  isWritten(stack: number): boolean;
  /** Told of a call that is wrong: see {@link WrongCall}. */
  onWrongCall(call: WrongCall): void;
}

/** A call that was given what is no live block. */
export interface WrongCall {
  readonly kind: "double-free" | "invalid-free" | "invalid-use";
  readonly address: number;
}

const FIRST_QUARANTINE = 1024;
const QUEUED_WORDS = 4;
/** How far around an address a block is looked for that it may belong to. */
const REACH_BYTES = 4096;
/** Fewer bytes are copied faster word by word. */
const FEW_BYTES = 256;
/** Words behind a pointer that is handed out which are taken for pointers too: system calls take lists of buffers. */
const NAMED_WORDS = 32;

/**
 * The blocks of a program that is checked: those of a plain heap, each with a zone before it that has its record. What
 * is freed waits in quarantine before the heap has it back.
 */
export class CheckedBlocks {
  readonly #options: CheckedBlocksOptions;
  readonly #heap: Heap;
  readonly #shadow: Shadow;
  #words: Uint32Array;
  #bytes: Uint8Array;
  /** A ring of freed blocks, the oldest first: of each its address, the heap's block, and its bytes with its zone. */
  #queue = new Uint32Array(FIRST_QUARANTINE * QUEUED_WORDS);
  #first = 0;
  #count = 0;
  #queuedBytes = 0;

  constructor(options: CheckedBlocksOptions) {
    this.#options = options;
    this.#heap = options.heap;
    this.#shadow = options.shadow;
    this.#words = new Uint32Array(options.heap.buffer);
    this.#bytes = new Uint8Array(options.heap.buffer);
  }

  get buffer(): ArrayBufferLike {
    return this.#heap.buffer;
  }

  /** Has to be called when the memory has grown. */
  refresh(): void {
    this.#words = new Uint32Array(this.#heap.buffer);
    this.#bytes = new Uint8Array(this.#heap.buffer);
  }

  alloc(sizeBytes: number): number {
    requireSize(sizeBytes);
    const block = this.#take(sizeBytes + ZONE_BYTES, sizeBytes);
    return this.#activate(block, block + ZONE_BYTES, sizeBytes, false);
  }

  calloc(count: number, sizeBytes: number): number {
    const bytes = count * sizeBytes;
    requireSize(bytes);
    const block = this.#take(bytes + ZONE_BYTES, bytes);
    const address = this.#activate(block, block + ZONE_BYTES, bytes, true);
    this.#bytes.fill(0, address, address + bytes);
    return address;
  }

  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    requireAlignment(alignmentBytes);
    requireSize(sizeBytes);
    const alignment = Math.max(alignmentBytes, ZONE_BYTES);
    const block = this.#take(sizeBytes + alignment, sizeBytes);
    const address = Math.ceil((block + ZONE_BYTES) / alignment) * alignment;
    return this.#activate(block, address, sizeBytes, false);
  }

  free(address: number): void {
    if (address === 0) return;
    if (this.#requireLive(address, "invalid-free")) this.#retire(address);
  }

  /** Every block moves: what still has the former address is found. */
  realloc(address: number, sizeBytes: number): number {
    if (address === 0) return this.alloc(sizeBytes);
    requireSize(sizeBytes);
    if (!this.#requireLive(address, "invalid-use")) throw wrongCall(address);
    const oldBytes = this.#extent(address).sizeBytes;
    const moved = this.alloc(sizeBytes);
    const copied = Math.min(oldBytes, sizeBytes);
    this.#copy(moved, address, copied);
    this.#shadow.copyDefined(moved, address, copied);
    this.#retire(address);
    return moved;
  }

  #copy(to: number, from: number, bytes: number): void {
    if (bytes > FEW_BYTES) {
      this.#bytes.copyWithin(to, from, from + bytes);
      return;
    }
    // Both are multiples of 16, and what lies after the last byte is nobody's.
    const words = this.#words;
    const end = Math.ceil(bytes / WORD_BYTES);
    for (let word = 0; word < end; word++) words[(to >>> WORD_SHIFT) + word] = words[(from >>> WORD_SHIFT) + word]!;
  }

  usableSize(address: number): number {
    if (!this.#requireLive(address, "invalid-use")) throw wrongCall(address);
    return this.#extent(address).sizeBytes;
  }

  /** The block that starts at an address, live or in quarantine. */
  blockAt(address: number): CheckedBlock | undefined {
    if (!this.#shadow.hasRecord(address)) return undefined;
    const state = this.#stateOf(address);
    return {
      address,
      sizeBytes: this.#extent(address).sizeBytes,
      isLive: state === RecordState.LIVE,
      allocatedBy: this.#record(address, Record.ALLOCATED_BY),
      freedBy: state === RecordState.LIVE ? 0 : this.#record(address, Record.FREED_BY),
    };
  }

  /** The block that an address is in or next to: the one before it where it is as close. O(reach). */
  blockNear(address: number): CheckedBlock | undefined {
    const here = this.#around(address);
    if (here !== undefined && address >= here.address) return here;
    let before: CheckedBlock | undefined;
    for (let at = address - 1; at >= Math.max(0, address - REACH_BYTES) && before === undefined; at -= ZONE_BYTES) {
      const found = this.#around(at);
      if (found !== undefined && found.address <= at) before = found;
    }
    let after = here;
    for (let at = address; at < address + REACH_BYTES && after === undefined; at += ZONE_BYTES)
      after = this.#around(at);
    if (before === undefined || after === undefined) return before ?? after;
    const distance = address - before.address - before.sizeBytes;
    return distance < after.address - address ? before : after;
  }

  /** The block within whose block of the heap an address lies: its zone and what it has too much belong to it. */
  #around(address: number): CheckedBlock | undefined {
    const raw = blockAt(this.#heap, address);
    return raw?.live === true ? this.#blockIn(raw.address, raw.usableBytes) : undefined;
  }

  #blockIn(raw: number, usableBytes: number): CheckedBlock | undefined {
    for (let at = raw + ZONE_BYTES; at < raw + usableBytes; at += ZONE_BYTES) {
      if (this.#shadow.hasRecord(at)) return this.blockAt(at);
    }
    return undefined;
  }

  /** All live blocks, by their addresses. O(heap). */
  live(): CheckedBlock[] {
    return [...blocksOf(this.#heap)].flatMap(({ address, usableBytes }) => {
      const block = this.#blockIn(address, usableBytes);
      return block?.isLive === true ? [block] : [];
    });
  }

  /** Counts as written what addresses lie in, and what the words that they point to name. */
  defineNamed(addresses: readonly number[]): void {
    for (const given of addresses) {
      const address = given >>> 0;
      this.#define(address);
      const first = address >>> WORD_SHIFT;
      for (let word = first; word < Math.min(first + NAMED_WORDS, this.#words.length); word++) {
        this.#define(this.#words[word]!);
      }
    }
  }

  #define(address: number): void {
    const block = this.#around(address);
    if (block?.isLive === true) this.#shadow.define(block.address, block.address + block.sizeBytes);
  }

  /** Gives the heap back what waits. */
  emptyQuarantine(): void {
    while (this.#count > 0) this.#release();
  }

  #requireLive(address: number, kind: WrongCall["kind"]): boolean {
    const hasRecord = this.#shadow.hasRecord(address);
    const state = hasRecord ? this.#stateOf(address) : 0;
    if (state === RecordState.LIVE) return true;
    const isAgain = kind === "invalid-free" && state === RecordState.FREED;
    this.#options.onWrongCall({ kind: isAgain ? "double-free" : kind, address });
    return false;
  }

  /** A block of the heap for one of the program's and its zone: a block of no bytes too has a place of its own. */
  #take(roomBytes: number, sizeBytes: number): number {
    const rawBytes = roomBytes + Number(sizeBytes === 0);
    if (rawBytes >= ADDRESS_SPACE_BYTES) throw outOfMemory(layersOf(this.#heap).pages, sizeBytes);
    const block = this.#heap.tryAlloc(rawBytes);
    if (block !== 0) return block;
    this.emptyQuarantine();
    try {
      return this.#heap.alloc(rawBytes);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      throw outOfMemory(layersOf(this.#heap).pages, sizeBytes);
    }
  }

  #activate(block: number, address: number, sizeBytes: number, isDefined: boolean): number {
    const words = this.#words;
    const record = (address - ZONE_BYTES) >>> WORD_SHIFT;
    const stack = this.#options.stackNow();
    words[record + Record.SIZE] = sizeBytes;
    words[record + Record.ALLOCATED_BY] = stack;
    words[record + Record.FREED_BY] = sealOf(sizeBytes, stack, block | RecordState.LIVE);
    words[record + Record.BLOCK] = block | RecordState.LIVE;
    this.#shadow.openBlock(address, sizeBytes, isDefined || this.#options.isWritten(stack));
    return address;
  }

  #record(address: number, word: number): number {
    return this.#words[((address - ZONE_BYTES) >>> WORD_SHIFT) + word]!;
  }

  /** Whether a block with a record is live; where the program has overwritten that, by the shadow of its first bytes. */
  #stateOf(address: number): number {
    const state = this.#record(address, Record.BLOCK) & RECORD_STATE_MASK;
    if (state === RecordState.LIVE || state === RecordState.FREED) return state;
    return this.#shadow.stateAt(address) === Cell.FREED ? RecordState.FREED : RecordState.LIVE;
  }

  /**
   * The block of the heap that a block is in, and the block's size. The program may have overwritten the record, which
   * was told then: without the seal nothing of that leads out of the heap's block.
   */
  #extent(address: number): { readonly raw: number; readonly sizeBytes: number } {
    const words = this.#words;
    const record = (address - ZONE_BYTES) >>> WORD_SHIFT;
    const sizeBytes = words[record + Record.SIZE]!;
    const block = words[record + Record.BLOCK]!;
    if (words[record + Record.FREED_BY] === sealOf(sizeBytes, words[record + Record.ALLOCATED_BY]!, block)) {
      return { raw: (block & ~RECORD_STATE_MASK) >>> 0, sizeBytes };
    }
    const raw = blockAt(this.#heap, address - ZONE_BYTES);
    if (raw === undefined) return { raw: 0, sizeBytes: 0 };
    const room = raw.address + raw.usableBytes - address;
    return { raw: raw.address, sizeBytes: Math.min(this.#record(address, Record.SIZE), room) };
  }

  #retire(address: number): void {
    const words = this.#words;
    const record = (address - ZONE_BYTES) >>> WORD_SHIFT;
    const { raw, sizeBytes } = this.#extent(address);
    words[record + Record.SIZE] = sizeBytes;
    words[record + Record.FREED_BY] = this.#options.stackNow();
    words[record + Record.BLOCK] = raw | RecordState.FREED;
    this.#shadow.closeFreed(address, sizeBytes);
    if ((this.#count + 1) * QUEUED_WORDS > this.#queue.length) this.#growQueue();
    const place = this.#place(this.#count++);
    this.#queue[place] = address;
    this.#queue[place + 1] = raw;
    this.#queue[place + 2] = sizeBytes + ZONE_BYTES;
    this.#queuedBytes += sizeBytes + ZONE_BYTES;
    while (this.#queuedBytes > this.#options.quarantineBytes && this.#count > 0) this.#release();
  }

  /** Where a block stands in the queue, so many behind the first. */
  #place(index: number): number {
    return ((this.#first + index) * QUEUED_WORDS) & (this.#queue.length - 1);
  }

  /** What it needs stands in the queue: the record of a block that was freed long ago is in no cache of the processor. */
  #release(): void {
    const place = this.#place(0);
    this.#first = (this.#first + 1) & (this.#queue.length / QUEUED_WORDS - 1);
    this.#count--;
    this.#queuedBytes -= this.#queue[place + 2]!;
    this.#shadow.forget(this.#queue[place]!);
    this.#heap.free(this.#queue[place + 1]!);
  }

  #growQueue(): void {
    const queue = new Uint32Array(2 * this.#queue.length);
    for (let index = 0; index < this.#count; index++) {
      const place = this.#place(index);
      queue.set(this.#queue.subarray(place, place + QUEUED_WORDS), index * QUEUED_WORDS);
    }
    this.#queue = queue;
    this.#first = 0;
  }
}

/** What a call is answered that was told of already. */
function wrongCall(address: number): KmemError {
  return new KmemError("INVALID_ADDRESS", "it is no live block", { address, report: true });
}
