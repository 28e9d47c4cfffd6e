import type { Sabotage } from "./sabotage.ts";

/** Calls that go well before the locks break: a thread takes its slot in the same way. */
const SOUND_CALLS = 200;

/**
 * Breaks the locks of this thread: on the words of the heap's memory, compare-and-swap says that it has succeeded,
 * whatever it found, or that it never does.
 */
export function sabotageLocks(sabotage: Sabotage | undefined, heapBuffer: ArrayBufferLike): void {
  if (sabotage !== "does not lock" && sabotage !== "locks for ever") return;
  const { compareExchange } = Atomics;
  let calls = 0;
  const broken = (words: Int32Array<ArrayBufferLike>, index: number, expected: number, wanted: number): number => {
    const isLock = words instanceof Int32Array && words.buffer === heapBuffer && ++calls > SOUND_CALLS;
    if (!isLock) return compareExchange(words, index, expected, wanted);
    if (sabotage === "locks for ever") return expected + 1;
    Atomics.store(words, index, wanted);
    return expected;
  };
  Object.assign(Atomics, { compareExchange: broken });
}
