import { COLON, LINE_FEED, NONE } from "./line-scan.ts";
import { BLOCK_BYTES, type MarkScanner, withMarkScanner } from "./mark-scanner.ts";

/** What a LineSplitter hands its lines to. A line is bytes[start … end - 1], without its line end. */
export interface LineSink {
  /** `terminated` is false for a last line that has no line feed after it. */
  line(bytes: Uint8Array, start: number, end: number, terminated: boolean): void;
  /** Called in place of `line` for a line longer than the limit; only its beginning is there. */
  overlongLine(bytes: Uint8Array, start: number, end: number): void;
}

/** The longest line that is kept; the kernel's own lines end far below it (TRACE_SEQ is two pages). */
export const MAX_LINE_BYTES = 65_536;

const CARRIAGE_RETURN = 0x0d;

/** The marks of a line: places[start … end - 1], of the bytes that the line lies in. */
export interface LineMarks {
  places: Uint32Array;
  start: number;
  end: number;
}

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
  /** Marks of the block that is cut into lines. */
  #markCount = 0;
  /** Colons and brackets of the line that is being handed on. */
  readonly marks: LineMarks = { places: new Uint32Array(0), start: 0, end: 0 };
  /** Where the last colon of that line stands, NONE where it has none. It saves most lines a second look. */
  lastColon: number = NONE;

  /** @param maxLineBytes at most {@link MAX_LINE_BYTES}. */
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
    withMarkScanner((scanner) => {
      this.marks.places = scanner.places;
      for (;;) {
        const next = this.#takeBlock(scanner, chunk, start);
        if (next === 0) break;
        start = next;
      }
    });
    this.#keep(chunk, start, chunk.length);
  }

  /** Hands on the whole lines of a block; answers where the next one begins, 0 where the chunk has no line's end. */
  #takeBlock(scanner: MarkScanner, chunk: Uint8Array, start: number): number {
    const end = Math.min(chunk.length, start + BLOCK_BYTES);
    this.#markCount = scanner.scan(chunk, start, end);
    this.marks.end = -1;
    let first = 0;
    for (let next = this.#takeLine(chunk, start); next > 0; next = this.#takeLine(chunk, next)) first = next;
    if (first > 0 || end === chunk.length) return first;
    // A block without a line's end is longer than any line may be.
    const feed = chunk.indexOf(LINE_FEED, end);
    if (feed < 0) return 0;
    this.#sink.overlongLine(chunk, start, start + this.#maxLineBytes);
    return feed + 1;
  }

  /**
   * Hands on the line that begins at a place of a block; answers where the next one begins, 0 where its end is not in
   * the block. A function of its own, since V8 optimizes what is called often, and a loop that is entered once a block
   * badly.
   */
  #takeLine(chunk: Uint8Array, start: number): number {
    const { marks } = this;
    const { places } = marks;
    // The mark before is the line feed of the line before.
    marks.start = marks.end + 1;
    let colon = NONE;
    for (let mark = marks.start; mark < this.#markCount; mark += 1) {
      const at = places[mark]!;
      const byte = chunk[at];
      if (byte === COLON) colon = at;
      if (byte !== LINE_FEED) continue;
      marks.end = mark;
      this.lastColon = colon;
      if (at - start > this.#maxLineBytes) this.#sink.overlongLine(chunk, start, start + this.#maxLineBytes);
      else this.#sink.line(chunk, start, withoutReturn(chunk, start, at), true);
      return at + 1;
    }
    return 0;
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
    withMarkScanner((scanner) => {
      this.marks.places = scanner.places;
      this.marks.start = 0;
      this.marks.end = scanner.scan(this.#carry, 0, end);
      this.lastColon = this.#carry.lastIndexOf(COLON, end - 1);
      if (this.#overlong) this.#sink.overlongLine(this.#carry, 0, end);
      else this.#sink.line(this.#carry, 0, withoutReturn(this.#carry, 0, end), terminated);
    });
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
