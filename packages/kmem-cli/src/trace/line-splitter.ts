import { COLON, NONE } from "./line-scan.ts";

/** What a LineSplitter hands its lines to. A line is bytes[start … end - 1], without its line end. */
export interface LineSink {
  /** `terminated` is false for a last line that has no line feed after it. */
  line(bytes: Uint8Array, start: number, end: number, terminated: boolean): void;
  /** Called in place of `line` for a line longer than the limit; only its beginning is there. */
  overlongLine(bytes: Uint8Array, start: number, end: number): void;
}

/** The longest line that is kept; the kernel's own lines end far below it (TRACE_SEQ is two pages). */
export const MAX_LINE_BYTES = 65_536;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts a stream of chunks into lines. A line inside one chunk is handed on where it lies; only a line that
 * crosses from one chunk to the next is copied.
 */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #maxLineBytes: number;
  readonly #carry: Uint8Array;
  #carryBytes = 0;
  #overlong = false;
  /**
   * Where the last colon of the line stands that is being handed on, before the line where it has none, and at its end
   * where that is not known. It is seen on the way to the line's end, and saves most lines a second look.
   */
  lastColon: number = NONE;

  constructor(sink: LineSink, maxLineBytes: number = MAX_LINE_BYTES) {
    this.#sink = sink;
    this.#maxLineBytes = maxLineBytes;
    this.#carry = new Uint8Array(maxLineBytes);
  }

  /** Takes the next bytes of the stream. The chunk may be used again afterwards. */
  push(chunk: Uint8Array): void {
    let start = 0;
    if (this.#carryBytes > 0) {
      const feed = chunk.indexOf(LINE_FEED);
      this.#keep(chunk, 0, feed < 0 ? chunk.length : feed);
      if (feed < 0) return;
      this.#emitCarry(true);
      start = feed + 1;
    }
    for (let next = this.#takeLine(chunk, start); next > 0; next = this.#takeLine(chunk, start)) start = next;
    this.#keep(chunk, start, chunk.length);
  }

  /**
   * Hands on the line that begins at a place of a chunk; answers where the next one begins, 0 where its end is not in
   * the chunk. A function of its own, since V8 optimizes what is called often, and a loop that is entered once a chunk
   * badly.
   */
  #takeLine(chunk: Uint8Array, start: number): number {
    const { length } = chunk;
    let feed = start;
    let colon = NONE;
    for (; feed < length; feed += 1) {
      const byte = chunk[feed]!;
      // Most bytes of a line are letters, which are above both.
      if (byte > COLON) continue;
      if (byte === LINE_FEED) break;
      if (byte === COLON) colon = feed;
    }
    if (feed === length) return 0;
    this.lastColon = colon;
    if (feed - start > this.#maxLineBytes) this.#sink.overlongLine(chunk, start, start + this.#maxLineBytes);
    else this.#sink.line(chunk, start, withoutReturn(chunk, start, feed), true);
    return feed + 1;
  }

  /** Hands on a last line that has no line feed, if there is one. */
  end(): void {
    if (this.#carryBytes > 0) this.#emitCarry(false);
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const room = this.#maxLineBytes - this.#carryBytes;
    const count = Math.min(room, end - start);
    this.#carry.set(chunk.subarray(start, start + count), this.#carryBytes);
    this.#carryBytes += count;
    if (end - start > room) this.#overlong = true;
  }

  #emitCarry(terminated: boolean): void {
    const end = this.#carryBytes;
    this.lastColon = end;
    if (this.#overlong) this.#sink.overlongLine(this.#carry, 0, end);
    else this.#sink.line(this.#carry, 0, withoutReturn(this.#carry, 0, end), terminated);
    this.#carryBytes = 0;
    this.#overlong = false;
  }
}

/** Text that went through several systems may have several carriage returns at the end of each line. */
function withoutReturn(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === CARRIAGE_RETURN) at -= 1;
  return at;
}
