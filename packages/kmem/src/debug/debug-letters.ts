import { describeValue } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { utf8Bytes } from "../memory/utf8.ts";
import { DEFAULT_LETTERS, DebugLetter, ROOT_TEXT_BYTES_MAX } from "./layout.ts";

/** Letters for the caches whose names match one of the patterns; without patterns, for all others. */
interface Selection {
  readonly letters: number;
  readonly patterns: readonly string[];
}

/** Which letters each cache gets. */
export class DebugLetters {
  readonly #selections: readonly Selection[];
  /** Letters that there are not. Linux says so in its log and goes on, and so does whoever has a log here. */
  readonly unknown: readonly string[];

  private constructor(selections: readonly Selection[], unknown: readonly string[]) {
    this.#selections = selections;
    this.unknown = unknown;
  }

  /**
   * Reads the value of Linux's `slab_debug=`: blocks of letters, divided by semicolons, each for the caches that follow
   * it after commas (`*` stands for any characters), or for all. `-` turns everything off; no letters are FZPU. Throws
   * BAD_ARGUMENT for what is no string.
   */
  static parse(text: string): DebugLetters {
    if (typeof text !== "string") {
      throw new KmemError("BAD_ARGUMENT", `debug is letters as in "FZ,kmalloc-64;P", not ${describeValue(text)}`, {});
    }
    const textBytes = utf8Bytes(text);
    if (textBytes > ROOT_TEXT_BYTES_MAX) {
      throw new KmemError("BAD_ARGUMENT", `debug has ${textBytes} bytes, more than ${ROOT_TEXT_BYTES_MAX}`, {});
    }
    const unknown: string[] = [];
    const selections = text.split(";").map((block) => {
      const [letters = "", ...names] = block.split(",");
      return { letters: lettersOf(letters, unknown), patterns: names.filter((name) => name !== "") };
    });
    return new DebugLetters(selections, unknown);
  }

  /** The letters of a cache: of the first selection that names it, else of the last for all. */
  of(cacheName: string): number {
    const named = this.#selections.find(({ patterns }) => patterns.some((pattern) => matches(pattern, cacheName)));
    const general = this.#selections.findLast(({ patterns }) => patterns.length === 0);
    return (named ?? general)?.letters ?? 0;
  }

  /** Whether any cache, one that there is not yet included, gets a letter. */
  mentions(letter: number): boolean {
    return this.#selections.some(({ letters }) => (letters & letter) !== 0);
  }
}

function lettersOf(text: string, unknown: string[]): number {
  if (text === "") return DEFAULT_LETTERS;
  let letters = 0;
  for (const letter of text.toUpperCase()) {
    const bit = letter === "-" || letter === "O" ? 0 : DebugLetter[letter as keyof typeof DebugLetter];
    if (bit === undefined) unknown.push(letter.toLowerCase());
    else letters |= bit;
  }
  return letters;
}

/**
 * Whether a name is one of a pattern, in which `*` stands for any characters. No regular expression: with many stars
 * one takes for ever, and a dump may name any pattern. O(pattern + name).
 */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  const first = parts.shift() ?? "";
  const last = parts.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** The letters as text, in the order in which Linux lists them. */
export function lettersText(letters: number): string {
  const names = Object.entries(DebugLetter).filter(([, bit]) => (letters & bit) !== 0);
  return names.map(([name]) => name).join("");
}
