const PRINTABLE_FIRST = 0x20;
const PRINTABLE_LAST = 0x7e;
/** What stands for a byte that is not printable ASCII. */
const REPLACEMENT = 0x3f;

/** Whether a byte is a character of printable ASCII. */
export function isPrintableAscii(byte: number): boolean {
  return byte >= PRINTABLE_FIRST && byte <= PRINTABLE_LAST;
}

/** A byte of printable ASCII: a question mark for every other. */
export function asciiByte(code: number): number {
  return isPrintableAscii(code) ? code : REPLACEMENT;
}

/** The text in bytes up to the first that is 0, in printable ASCII: a reader's terminal is not the writer's. */
export function asciiText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 0) break;
    text += String.fromCharCode(asciiByte(byte));
  }
  return text;
}
