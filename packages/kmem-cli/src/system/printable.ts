/**
 * What a terminal may take for a command, or what makes text look other than it is: control characters, marks that turn
 * the direction of writing, marks without width, halves of pairs. Line feeds and tabs are no such things here.
 */
const HARMFUL = /[^\P{Cc}\n\t]|\p{Cf}|\p{Cs}|[\u2028\u2029]/gu;
const LINE_BREAKS = /[\n\t]/g;
const HEX = 16;
const SHORT_DIGITS = 2;
const LONG_DIGITS = 4;
const SHORT_MAX = 0xff;
const LONG_MAX = 0xffff;

/**
 * Text out of a file, for a terminal: what may do harm there stands as an escape, `\x1b`, `\u202e`. Everything that the
 * command prints of a dump, of a trace, or of a file's name goes through here.
 */
export function printable(text: string): string {
  return text.replaceAll(HARMFUL, escaped);
}

/** As {@link printable}, for what is to be one line, or a part of one. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(LINE_BREAKS, (character) => (character === "\n" ? "\\n" : "\\t"));
}

/** A value as JSON, indented, that a terminal shows as it is; a reader of the JSON gets the same value. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(HARMFUL, (character) => {
    // By half-pairs: JSON knows no other escapes.
    return Array.from({ length: character.length }, (_, index) => longEscape(character.charCodeAt(index))).join("");
  });
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code <= SHORT_MAX) return `\\x${code.toString(HEX).padStart(SHORT_DIGITS, "0")}`;
  return code > LONG_MAX ? `\\u{${code.toString(HEX)}}` : longEscape(code);
}

function longEscape(code: number): string {
  return `\\u${code.toString(HEX).padStart(LONG_DIGITS, "0")}`;
}
