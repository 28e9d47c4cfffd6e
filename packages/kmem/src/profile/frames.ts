import type { ProfileSample, StackFrame } from "./profile.ts";

const UNKNOWN_FRAME: StackFrame = { functionName: "(unknown)", url: "", line: 0, column: 0 };

/** The frames of a sample, innermost first; one that says so where none is known, so that no figure is left out. */
export function knownStack({ stack }: ProfileSample): readonly StackFrame[] {
  return stack.length === 0 ? [UNKNOWN_FRAME] : stack;
}

/** What a frame is called where a name is needed: functions without one go by the place where they stand. */
export function frameName({ functionName, url, line }: StackFrame): string {
  if (functionName !== "") return functionName.toWellFormed();
  if (url === "") return "(anonymous)";
  const file = url.slice(url.lastIndexOf("/") + 1) || url;
  return `(anonymous ${file.toWellFormed()}${line === 0 ? "" : `:${line}`})`;
}

/** Things by their numbers, equal ones under the same number, which counts from 0 in the order in which they came. */
export class Numbering<Item> {
  readonly items: Item[] = [];
  readonly #numbers = new Map<string, number>();

  /** The number of what has this key; the item is kept where the key is new. O(key). */
  numberOf(key: string, item: Item): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.items.length);
    return this.items.push(item) - 1;
  }
}

/** A text that two frames have in common only if they are equal. */
export function frameKey({ functionName, url, line, column }: StackFrame): string {
  return JSON.stringify([functionName, url, line, column]);
}
