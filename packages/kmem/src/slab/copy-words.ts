/** Up to here a loop copies faster than a call of the engine's own `copyWithin`. */
const SHORT_COPY = 32;

/** Copies `count` words within an array; the stretches may overlap where the target stands before the source. */
export function copyWords(words: Int32Array, target: number, source: number, count: number): void {
  if (count > SHORT_COPY) {
    words.copyWithin(target, source, source + count);
    return;
  }
  for (let index = 0; index < count; index++) words[target + index] = words[source + index];
}
