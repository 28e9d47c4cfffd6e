/**
 * UTF-8 in and out of memory that threads share, where the TextEncoder and TextDecoder of browsers refuse to work, and
 * in audio worklets, which have neither. What is no UTF-8, and what is no Unicode text, becomes what those make of it.
 */

/** Stands for what cannot be encoded, or is no UTF-8. */
const REPLACEMENT = 0xfffd;
/** Units that `String.fromCharCode` is given at once: engines limit how many arguments a call has. */
const CHUNK_UNITS = 4096;

const ONE_BYTE_END = 0x80;
const TWO_BYTES_END = 0x800;
const THREE_BYTES_END = 0x1_0000;
const CODE_POINT_END = 0x11_0000;
const SURROGATES = 0xd800;
const LOW_SURROGATES = 0xdc00;
const SURROGATES_END = 0xe000;

/** Bits of a byte after the first, and what stands above them. */
const CONTINUATION_BITS = 6;
const CONTINUATION_MASK = 0x3f;
const CONTINUATION = 0x80;

/** How first bytes begin, by how many bytes there are. */
const LEAD_OF_2 = 0xc0;
const LEAD_OF_3 = 0xe0;
const LEAD_OF_4 = 0xf0;
const LEAD_END = 0xf8;

/** The code point of `text` at `index`, a unit that belongs to no pair being {@link REPLACEMENT}. */
function codePointAt(text: string, index: number): number {
  const code = text.codePointAt(index) as number;
  return code >= SURROGATES && code < SURROGATES_END ? REPLACEMENT : code;
}

/** Bytes that a code point takes. */
function bytesOf(code: number): number {
  if (code < ONE_BYTE_END) return 1;
  if (code < TWO_BYTES_END) return 2;
  return code < THREE_BYTES_END ? 3 : 4;
}

/** Bytes that a text takes. O(text). */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const code = codePointAt(text, index);
    bytes += bytesOf(code);
    if (code >= THREE_BYTES_END) index++;
  }
  return bytes;
}

/** Writes a text from byte `at` on, which must have room for {@link utf8Bytes}; returns where it ends. O(text). */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  let end = at;
  for (let index = 0; index < text.length; index++) {
    const code = codePointAt(text, index);
    if (code >= THREE_BYTES_END) index++;
    if (code < ONE_BYTE_END) {
      bytes[end++] = code;
      continue;
    }
    const count = bytesOf(code);
    const lead = count === 2 ? LEAD_OF_2 : count === 3 ? LEAD_OF_3 : LEAD_OF_4;
    bytes[end++] = lead | (code >>> (CONTINUATION_BITS * (count - 1)));
    for (let left = count - 2; left >= 0; left--) {
      bytes[end++] = CONTINUATION | ((code >>> (CONTINUATION_BITS * left)) & CONTINUATION_MASK);
    }
  }
  return end;
}

/** The bytes of a text, in memory of their own. O(text). */
export function utf8Of(text: string): Uint8Array<ArrayBuffer> {
  if (typeof TextEncoder !== "undefined") return new TextEncoder().encode(text);
  const bytes = new Uint8Array(utf8Bytes(text));
  writeUtf8(bytes, 0, text);
  return bytes;
}

/**
 * The text in bytes `start` to `end`. Bytes that are no UTF-8 become U+FFFD, one for each longest beginning of a
 * character, as the Encoding Standard says. Each byte is read once: another thread may write meanwhile. O(bytes).
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  const units: number[] = [];
  let text = "";
  let at = start;
  while (at < end) {
    const lead = bytes[at++];
    let code = lead;
    if (lead >= ONE_BYTE_END) {
      const count = lead < LEAD_OF_2 || lead >= LEAD_END ? 1 : lead < LEAD_OF_3 ? 2 : lead < LEAD_OF_4 ? 3 : 4;
      const taken = readContinuations(bytes, at, end, lead, count);
      code = taken.code;
      at = taken.at;
    }
    if (code < THREE_BYTES_END) units.push(code);
    else {
      const offset = code - THREE_BYTES_END;
      units.push(SURROGATES + (offset >>> 10), LOW_SURROGATES + (offset & (LOW_SURROGATES - SURROGATES - 1)));
    }
    if (units.length < CHUNK_UNITS) continue;
    text += String.fromCharCode(...units);
    units.length = 0;
  }
  return text + String.fromCharCode(...units);
}

/** Reads what follows a first byte: the code point, and where the next character begins. */
function readContinuations(
  bytes: Uint8Array,
  from: number,
  end: number,
  lead: number,
  count: number,
): { readonly code: number; readonly at: number } {
  if (count === 1) return { code: REPLACEMENT, at: from };
  let code = lead & (0x7f >>> count);
  const least = count === 2 ? ONE_BYTE_END : count === 3 ? TWO_BYTES_END : THREE_BYTES_END;
  for (let index = 1; index < count; index++) {
    const at = from + index - 1;
    const byte = at < end ? bytes[at] : 0;
    if ((byte & ~CONTINUATION_MASK) !== CONTINUATION) return { code: REPLACEMENT, at };
    code = (code << CONTINUATION_BITS) | (byte & CONTINUATION_MASK);
    // The second byte tells whether there is any character that begins so; where there is none it begins no character.
    if (index === 1 && !isBeginning(code, CONTINUATION_BITS * (count - 2), least)) return { code: REPLACEMENT, at };
  }
  return { code, at: from + count - 1 };
}

/** Whether a code point can have `code` above its lowest `restBits`. */
function isBeginning(code: number, restBits: number, least: number): boolean {
  const first = code << restBits;
  const last = first + (1 << restBits) - 1;
  return last >= least && first < CODE_POINT_END && !(first >= SURROGATES && first < SURROGATES_END);
}
