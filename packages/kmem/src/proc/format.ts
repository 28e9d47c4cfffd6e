/** Bytes in the K and kB of every report. */
export const KILOBYTE_BYTES = 1024;

/** A number or text at the right end of `width` characters, as %*d and %*s print it. */
export function right(value: number | string, width: number): string {
  return String(value).padStart(width);
}

/** A text at the left end of `width` characters, as %-*s prints it. */
export function left(text: string, width: number): string {
  return text.padEnd(width);
}

/**
 * A number from 0 with decimals, as %.*f prints it: what lies exactly in the middle goes to the even digit. toFixed,
 * which takes it up, would print 2.13 for the 2.125 KiB of an object of 2176 bytes.
 */
export function fixed(value: number, digits: number): string {
  const isInTheMiddle = (value * 2 ** (digits + 1)) % 2 === 1;
  if (!isInTheMiddle) return value.toFixed(digits);
  const below = Math.floor(value * 10 ** digits);
  return ((below + (below % 2)) / 10 ** digits).toFixed(digits);
}

/**
 * A name as one word. Linux's own have no blanks, and readers of these reports take the columns apart at blanks; kmem
 * allows them in names, and here they become underlines.
 */
export function word(name: string): string {
  return name.replaceAll(" ", "_");
}
