import type { RecordBytes } from "./kernel-records.ts";
import type { PageLayout } from "./tracing-header.ts";

/** What the head of an entry says in its five bits besides the length of short data in words. */
const TYPE = { LONG: 0, PADDING: 29, TIME_EXTEND: 30, TIME_STAMP: 31 } as const;
const WORD_BYTES = 4;
const TYPE_BITS = 5;
const TYPE_MASK = 0x1f;
const DELTA_BITS = 27;
const DELTA_MASK = 0x7ff_ffff;
const DELTA_SPAN = 2 ** 27;
const TWO_TO_32 = 2 ** 32;
/** The bits that an absolute time stamp has no room for; they are those of the page's. */
const STAMP_HIGH_MASK = 0xf800_0000 | 0;
/** Of the word that says how much of a page is in use: that and what follows the data, if events were lost before. */
const COMMIT_MASK = 0x7ff_ffff;
const MISSED_STORED = 0x4000_0000;
const MISSED = 0x8000_0000;
/** `missed` where the kernel says that events were lost and not how many. */
export const MISSED_UNKNOWN = -1;

/** The time that the others are counted from, in two halves, so that differences are exact. */
export interface TimeBase {
  high: number;
  low: number;
}

/** The entries of one page of a kernel's ring buffer, one after another. */
export class RingPage {
  readonly #layout: PageLayout;
  readonly #base: TimeBase;
  readonly #littleEndian: boolean;
  #block: RecordBytes = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) };
  #at = 0;
  #end = 0;
  #stampHigh = 0;
  /** Events that were lost before this page; MISSED_UNKNOWN where the kernel does not say how many. */
  missed = 0;
  /** Why the rest of the page cannot be read, if so. */
  damage: string | undefined;
  /** The entry's time in units of the clock since the base. */
  time = 0;
  /** Where the entry's data begin and end. */
  start = 0;
  end = 0;

  constructor(layout: PageLayout, base: TimeBase, littleEndian: boolean) {
    this.#layout = layout;
    this.#base = base;
    this.#littleEndian = littleEndian;
  }

  get block(): RecordBytes {
    return this.#block;
  }

  /** Takes the page in bytes start … start + pageBytes - 1 of a block. */
  load(block: RecordBytes, start: number, pageBytes: number): void {
    const { timestamp, commit, dataOffset } = this.#layout;
    const little = this.#littleEndian;
    const { view } = block;
    this.#block = block;
    const stampAt = start + timestamp.offset;
    const stampLow = view.getUint32(stampAt + (little ? 0 : WORD_BYTES), little);
    this.#stampHigh = view.getUint32(stampAt + (little ? WORD_BYTES : 0), little);
    this.time = (this.#stampHigh - this.#base.high) * TWO_TO_32 + (stampLow - this.#base.low);
    const commitLow = commit.size > WORD_BYTES && !little ? WORD_BYTES : 0;
    const word = view.getUint32(start + commit.offset + commitLow, little);
    this.#at = start + dataOffset;
    const usedBytes = word & COMMIT_MASK;
    const roomBytes = pageBytes - dataOffset;
    this.damage = usedBytes > roomBytes ? "the page would be larger than it is" : undefined;
    this.#end = this.#at + Math.min(usedBytes, roomBytes);
    this.missed = 0;
    if ((word & MISSED) === 0) return;
    this.missed = MISSED_UNKNOWN;
    if ((word & MISSED_STORED) !== 0 && usedBytes + commit.size <= roomBytes) {
      this.missed = view.getUint32(this.#end + commitLow, little);
    }
  }

  /** Goes to the next entry that has data; false where there is none, and `damage` says so if it is not the end. */
  next(): boolean {
    const little = this.#littleEndian;
    const { view } = this.#block;
    while (this.#at + WORD_BYTES <= this.#end) {
      const head = view.getUint32(this.#at, little);
      const type = little ? head & TYPE_MASK : head >>> DELTA_BITS;
      const delta = little ? head >>> TYPE_BITS : head & DELTA_MASK;
      const data = this.#at + WORD_BYTES;
      if (type > TYPE.LONG && type < TYPE.PADDING) return this.#take(data, type * WORD_BYTES, delta);
      if (type === TYPE.PADDING && delta === 0) break;
      if (data + WORD_BYTES > this.#end) return this.#fail();
      const word = view.getUint32(data, little);
      if (type === TYPE.LONG) return this.#take(data + WORD_BYTES, word - WORD_BYTES, delta);
      if (type === TYPE.PADDING) {
        // An event that was discarded after later ones had been written: the word is its length.
        this.time += delta;
        this.#at = data + roundUp(word);
        if (this.#at > this.#end) return this.#fail();
      } else {
        if (type === TYPE.TIME_EXTEND) this.time += delta + word * DELTA_SPAN;
        else this.#setTime(delta, word);
        this.#at = data + WORD_BYTES;
      }
    }
    this.#at = this.#end;
    return false;
  }

  #take(data: number, lengthBytes: number, delta: number): boolean {
    const next = data + roundUp(lengthBytes);
    if (lengthBytes <= 0 || next > this.#end) return this.#fail();
    this.time += delta;
    this.start = data;
    this.end = data + lengthBytes;
    this.#at = next;
    return true;
  }

  #fail(): false {
    this.damage = "an entry reaches beyond its page";
    this.#at = this.#end;
    return false;
  }

  /** An absolute time of 59 bits. */
  #setTime(delta: number, word: number): void {
    const high = ((word >>> TYPE_BITS) | (this.#stampHigh & STAMP_HIGH_MASK)) >>> 0;
    const low = ((word << DELTA_BITS) | delta) >>> 0;
    this.time = (high - this.#base.high) * TWO_TO_32 + (low - this.#base.low);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / WORD_BYTES) * WORD_BYTES;
}
