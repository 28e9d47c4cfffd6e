// Programs on one word of memory, to try the explorer on. They are instrumented like the library itself.

/** Adds one, in two accesses. */
export function increment(words: Int32Array, word: number): void {
  words[word]++;
}

/** Adds one, in one access. */
export function incrementAtomically(words: Int32Array, word: number): number {
  return Atomics.add(words, word, 1);
}

export function write(words: Int32Array, word: number, value: number): void {
  words[word] = value;
}

/** Writes so many numbers, one after the other. */
export function writeTimes(words: Int32Array, word: number, times: number): void {
  for (let value = 1; value <= times; value++) words[word] = value;
}

export function read(words: Int32Array, word: number): number {
  return words[word];
}

/** Dekker's and Peterson's question in small: each raises its own flag, then looks at the other's. */
export function raiseThenLook(words: Int32Array, mine: number, other: number): number {
  words[mine] = 1;
  return words[other];
}

/** A program of loads, stores and increments: pairs of an operation and a word. */
export function obey(words: Int32Array, orders: readonly (readonly [string, number])[]): number[] {
  const seen: number[] = [];
  for (const [order, word] of orders) {
    if (order === "load") seen.push(words[word]);
    else if (order === "store") words[word] = seen.length + 1;
    else if (order === "add") seen.push(Atomics.add(words, word, 1));
    else if (order === "swap") seen.push(Atomics.compareExchange(words, word, 0, seen.length + 5));
    else words[word]++;
  }
  return seen;
}
