/** How the characters of a text file are written. */
export type TextEncoding = "bytes" | "marked" | "utf-16le" | "utf-16be" | "cr";

const LITTLE_ENDIAN_MARK = [0xff, 0xfe] as const;
const BIG_ENDIAN_MARK = [0xfe, 0xff] as const;
const UTF8_MARK = [0xef, 0xbb, 0xbf] as const;
const UTF16_MARK = 0xfeff;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
/** What stands for a character outside of ASCII: no form of trace needs one, and it must not look like a line end. */
const REPLACEMENT = 0x3f;
const LAST_ASCII = 0x7f;
const UNIT_BYTES = 2;
/** A text with this share of NUL in every other byte, and none between, is UTF-16 without a mark. */
const MIN_UTF16_UNITS = 8;

/**
 * Finds out by the first bytes of a text how it is written: UTF-16 (PowerShell's redirection writes it) with or
 * without a mark, UTF-8 with one, lines that end in a carriage return alone, or bytes as they are.
 */
export function sniffEncoding(head: Uint8Array): TextEncoding {
  if (head[0] === LITTLE_ENDIAN_MARK[0] && head[1] === LITTLE_ENDIAN_MARK[1]) return "utf-16le";
  if (head[0] === BIG_ENDIAN_MARK[0] && head[1] === BIG_ENDIAN_MARK[1]) return "utf-16be";
  if (UTF8_MARK.every((byte, index) => head[index] === byte)) return "marked";
  if (head.includes(0)) return sniffUnmarked(head);
  return endsLinesInReturns(head) ? "cr" : "bytes";
}

function sniffUnmarked(head: Uint8Array): TextEncoding {
  const unitCount = head.length >>> 1;
  if (unitCount < MIN_UTF16_UNITS) return "bytes";
  const nulls = [0, 0];
  for (let at = 0; at < unitCount * UNIT_BYTES; at += 1) if (head[at] === 0) nulls[at & 1]! += 1;
  if (nulls[0] === 0 && nulls[1] === unitCount) return "utf-16le";
  return nulls[1] === 0 && nulls[0] === unitCount ? "utf-16be" : "bytes";
}

function endsLinesInReturns(head: Uint8Array): boolean {
  const at = head.indexOf(CARRIAGE_RETURN);
  return at >= 0 && at < head.length - 1 && !head.includes(LINE_FEED);
}

/** Turns the chunks of a text into bytes of ASCII, one for each character, with line feeds at the ends of lines. */
export class TextDecoder8 {
  readonly #encoding: TextEncoding;
  /** The first byte of a UTF-16 unit whose second one is in the next chunk. */
  #half: number | undefined;
  #markBytesLeft: number = UTF8_MARK.length;

  constructor(encoding: TextEncoding) {
    this.#encoding = encoding;
  }

  /** The characters of the next chunk: the chunk itself where there is nothing to do. */
  decode(chunk: Uint8Array): Uint8Array {
    if (this.#encoding === "bytes") return chunk;
    if (this.#encoding === "marked") return this.#skipMark(chunk);
    if (this.#encoding === "cr") return chunk.map((byte) => (byte === CARRIAGE_RETURN ? LINE_FEED : byte));
    return this.#decodeUnits(chunk, this.#encoding === "utf-16le");
  }

  #skipMark(chunk: Uint8Array): Uint8Array {
    const count = Math.min(this.#markBytesLeft, chunk.length);
    this.#markBytesLeft -= count;
    return chunk.subarray(count);
  }

  #decodeUnits(chunk: Uint8Array, isLittle: boolean): Uint8Array {
    const out = new Uint8Array((chunk.length + 1) >>> 1);
    let count = 0;
    for (const byte of chunk) {
      if (this.#half === undefined) {
        this.#half = byte;
        continue;
      }
      const unit = isLittle ? this.#half | (byte << 8) : (this.#half << 8) | byte;
      this.#half = undefined;
      if (unit === UTF16_MARK) continue;
      out[count] = unit <= LAST_ASCII ? unit : REPLACEMENT;
      count += 1;
    }
    return out.subarray(0, count);
  }
}
