import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** What native/recorder.h calls these. */
const FILE_MAGIC = 0x46524d4b;
const BLOCK_MAGIC = 0x42524d4b;
const MAPS_MAGIC = 0x4d524d4b;
const RECORDER_VERSION = 1;
const FILE_HEAD_BYTES = 20;
const BLOCK_HEAD_BYTES = 24;
const RECORD_BYTES = 32;
const RECORDS_MAX = 4096;
const MAPS_BYTES_MAX = 2 ** 22;
const TWO_TO_32 = 2 ** 32;
const ADDRESS_HIGH_MASK = 0xffff;
const LOG2_ALIGN_SHIFT = 16;
const LOG2_ALIGN_MASK = 0xff;
const CALL_SHIFT = 24;

/** The calls that a record may be of. */
export const CALL = { MALLOC: 0, FREE: 1, CALLOC: 2, REALLOC: 3, ALIGNED: 4, MOVE: 5 } as const;

/** One call of a recorded program; one object is filled again and again. */
export interface NativeRecord {
  call: number;
  thread: number;
  high: number;
  low: number;
  log2Align: number;
  /** Address of the call, as a number below 2^48. */
  site: number;
  sizeBytes: number;
  timeNs: number;
}

/** Where the records of one thread lie in the file, in their order. */
interface ThreadBlocks {
  readonly thread: number;
  readonly blocks: { readonly offset: number; readonly count: number; readonly baseNs: number }[];
}

/** A file of the recorder's. */
export class RecordFile {
  readonly pid: number;
  readonly recordCount: number;
  /** The text of /proc/self/maps at the end of the program; empty where it ended without one. */
  readonly maps: string;
  readonly #fd: number;
  readonly #threads: readonly ThreadBlocks[];

  /** Opens a file and finds what is whole in it. Throws where it is no file of the recorder's. */
  constructor(path: string) {
    this.#fd = openSync(path, "r");
    const head = new DataView(new ArrayBuffer(FILE_HEAD_BYTES));
    this.#readAt(0, head);
    const isOurs = head.getUint32(0, true) === FILE_MAGIC && head.getUint32(4, true) === RECORDER_VERSION;
    if (!isOurs) {
      closeSync(this.#fd);
      throw new Error(`${path} is no file of the recorder's`);
    }
    this.pid = head.getUint32(12, true);
    const { threads, maps } = this.#index();
    this.#threads = threads;
    this.maps = maps;
    this.recordCount = threads.reduce((sum, { blocks }) => sum + blocks.reduce((all, { count }) => all + count, 0), 0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Hands on all records in the order of the calls, whichever thread made them. */
  readAll(take: (record: NativeRecord) => void): void {
    const cursors = this.#threads.map((blocks) => new ThreadCursor(blocks, (at, into) => this.#readAt(at, into)));
    const waiting = cursors.filter((cursor) => !cursor.isAtEnd);
    while (waiting.length > 0) {
      const first = waiting.reduce((least, cursor) => (cursor.number < least.number ? cursor : least));
      const limit = waiting.reduce(
        (least, one) => (one === first ? least : Math.min(least, one.number)),
        Number.POSITIVE_INFINITY,
      );
      while (!first.isAtEnd && first.number < limit) {
        take(first.record());
        first.next();
      }
      if (first.isAtEnd) waiting.splice(waiting.indexOf(first), 1);
    }
  }

  #index(): { readonly threads: ThreadBlocks[]; readonly maps: string } {
    const { size } = fstatSync(this.#fd);
    const byThread = new Map<number, ThreadBlocks>();
    const maps: Buffer[] = [];
    const head = new DataView(new ArrayBuffer(BLOCK_HEAD_BYTES));
    for (let at = FILE_HEAD_BYTES; at + BLOCK_HEAD_BYTES <= size; ) {
      this.#readAt(at, head);
      const [magic, thread, count] = [head.getUint32(0, true), head.getUint32(4, true), head.getUint32(8, true)];
      const offset = at + BLOCK_HEAD_BYTES;
      const bytes = magic === BLOCK_MAGIC ? count * RECORD_BYTES : count;
      const isBlock = magic === BLOCK_MAGIC ? count <= RECORDS_MAX : magic === MAPS_MAGIC && count <= MAPS_BYTES_MAX;
      if (!isBlock || offset + bytes > size) break;
      if (magic === BLOCK_MAGIC) {
        const known = byThread.get(thread) ?? { thread, blocks: [] };
        byThread.set(thread, known);
        known.blocks.push({ offset, count, baseNs: head.getUint32(16, true) + head.getUint32(20, true) * TWO_TO_32 });
      } else {
        const text = Buffer.alloc(count);
        readSync(this.#fd, text, 0, count, offset);
        maps.push(text);
      }
      at = offset + bytes;
    }
    return { threads: [...byThread.values()], maps: Buffer.concat(maps).toString("latin1") };
  }

  #readAt(position: number, into: DataView): void {
    readSync(this.#fd, into, 0, into.byteLength, position);
  }
}

/** Goes through the records of one thread. */
class ThreadCursor {
  readonly #blocks: ThreadBlocks;
  readonly #read: (position: number, into: DataView) => void;
  #view = new DataView(new ArrayBuffer(0));
  #block = -1;
  #index = 0;
  #count = 0;
  readonly #record: NativeRecord = {
    call: 0,
    thread: 0,
    high: 0,
    low: 0,
    log2Align: 0,
    site: 0,
    sizeBytes: 0,
    timeNs: 0,
  };
  /** The place of the record in the order of all. */
  number = 0;
  isAtEnd = false;

  constructor(blocks: ThreadBlocks, read: (position: number, into: DataView) => void) {
    this.#blocks = blocks;
    this.#read = read;
    this.#record.thread = blocks.thread;
    this.next();
  }

  next(): void {
    this.#index += 1;
    while (this.#index >= this.#count) {
      this.#block += 1;
      const block = this.#blocks.blocks[this.#block];
      if (block === undefined) {
        this.isAtEnd = true;
        return;
      }
      this.#index = 0;
      this.#count = block.count;
      this.#view = new DataView(new ArrayBuffer(block.count * RECORD_BYTES));
      this.#read(block.offset, this.#view);
    }
    this.number = this.#word(4) + this.#word(5) * TWO_TO_32;
  }

  record(): NativeRecord {
    const record = this.#record;
    const high = this.#word(1);
    record.low = this.#word(0) | 0;
    record.high = high & ADDRESS_HIGH_MASK;
    record.log2Align = (high >>> LOG2_ALIGN_SHIFT) & LOG2_ALIGN_MASK;
    record.call = high >>> CALL_SHIFT;
    record.site = this.#word(2) + (this.#word(3) & ADDRESS_HIGH_MASK) * TWO_TO_32;
    record.sizeBytes = this.#word(6);
    record.timeNs = this.#blocks.blocks[this.#block]!.baseNs + this.#word(7);
    return record;
  }

  #word(index: number): number {
    return this.#view.getUint32(this.#index * RECORD_BYTES + index * Uint32Array.BYTES_PER_ELEMENT, true);
  }
}
