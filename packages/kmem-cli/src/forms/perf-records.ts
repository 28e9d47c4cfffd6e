import type { ByteSource } from "../trace/byte-source.ts";
import { viewOf } from "./perf-file.ts";

/** The head of a record: its kind, some bits, and its size, that of the head included. */
const SIZE_AT = 6;
export const HEAD_BYTES = 8;
/** The size of a record has 16 bits. */
const RECORD_BYTES_MAX = 65_536;
const WINDOW_BYTES = 4 * RECORD_BYTES_MAX;

/** The records of a part of a file, one after another. */
export class PerfRecords {
  readonly #source: ByteSource;
  readonly #littleEndian: boolean;
  readonly #end: number;
  readonly bytes: Uint8Array = new Uint8Array(WINDOW_BYTES);
  readonly view: DataView = viewOf(this.bytes);
  /** The window has the file's bytes from here on, and so many. */
  #windowAt = 0;
  #windowBytes = 0;
  /** The file's place of the next record. */
  #next: number;
  /** The file's place of the record, its kind, and where it lies in `bytes`. */
  position = 0;
  type = 0;
  start = 0;
  end = 0;
  /** Why there are no more records, where that is not the end. */
  damage: string | undefined;

  constructor(source: ByteSource, littleEndian: boolean, start: number, end: number) {
    this.#source = source;
    this.#littleEndian = littleEndian;
    this.#next = start;
    this.#end = Math.min(end, source.sizeBytes);
    if (this.#end < end) this.damage = "the file is cut off";
  }

  /** Goes to the next record; false where there is none. */
  next(): boolean {
    this.position = this.#next;
    const left = this.#end - this.#next;
    if (left <= 0) return false;
    if (left < HEAD_BYTES || !this.#hold(HEAD_BYTES)) return this.#fail("the record is cut off");
    const sizeBytes = this.view.getUint16(this.#next - this.#windowAt + SIZE_AT, this.#littleEndian);
    if (sizeBytes < HEAD_BYTES) return this.#fail("the record has no size, so that the next one cannot be found");
    if (left < sizeBytes || !this.#hold(sizeBytes)) return this.#fail("the record is cut off");
    this.start = this.#next - this.#windowAt;
    this.end = this.start + sizeBytes;
    this.type = this.view.getUint32(this.start, this.#littleEndian);
    this.#next += sizeBytes;
    return true;
  }

  /** Passes over bytes that follow a record and are none. */
  skip(byteCount: number): void {
    this.#next += byteCount;
  }

  /** The file's place after the record. */
  get after(): number {
    return this.#next;
  }

  #fail(reason: string): false {
    this.damage = reason;
    this.#next = this.#end;
    return false;
  }

  /** Has the window hold so many of the next bytes. */
  #hold(byteCount: number): boolean {
    const at = this.#next - this.#windowAt;
    if (at >= 0 && at + byteCount <= this.#windowBytes) return true;
    this.#windowAt = this.#next;
    const wanted = Math.min(WINDOW_BYTES, this.#end - this.#next);
    this.#windowBytes = this.#source.read(this.#next, this.bytes.subarray(0, wanted));
    return byteCount <= this.#windowBytes;
  }
}

/** Cuts unpacked bytes, which come in pieces of any size, into records. */
export class RecordCutter {
  readonly #littleEndian: boolean;
  readonly #take: (type: number, bytes: Uint8Array, view: DataView, start: number, end: number) => void;
  #bytes: Uint8Array = new Uint8Array(WINDOW_BYTES);
  #view: DataView = viewOf(this.#bytes);
  /** Bytes that are there and belong to a record that is not whole yet. */
  #restBytes = 0;
  /** Whether a record had no size, after which nothing can be found. */
  isLost = false;

  constructor(
    littleEndian: boolean,
    take: (type: number, bytes: Uint8Array, view: DataView, start: number, end: number) => void,
  ) {
    this.#littleEndian = littleEndian;
    this.#take = take;
  }

  push(piece: Uint8Array): void {
    if (this.isLost) return;
    const end = this.#restBytes + piece.length;
    this.#append(piece, end);
    const view = this.#view;
    let at = 0;
    while (at + HEAD_BYTES <= end) {
      const sizeBytes = view.getUint16(at + SIZE_AT, this.#littleEndian);
      this.isLost = sizeBytes < HEAD_BYTES;
      if (this.isLost) return;
      if (at + sizeBytes > end) break;
      this.#take(view.getUint32(at, this.#littleEndian), this.#bytes, view, at, at + sizeBytes);
      at += sizeBytes;
    }
    this.#restBytes = end - at;
    if (at > 0) this.#bytes.copyWithin(0, at, end);
  }

  /** Puts a piece after what is left of the one before. */
  #append(piece: Uint8Array, end: number): void {
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.#bytes.subarray(0, this.#restBytes));
      this.#bytes = grown;
      this.#view = viewOf(grown);
    }
    this.#bytes.set(piece, this.#restBytes);
  }
}
