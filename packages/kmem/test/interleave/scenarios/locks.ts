import type * as LockModule from "../../../src/sync/lock.ts";
import { call } from "../call.ts";
import { type Scenario, unexpectedEnds } from "../explore/scenario.ts";
import type { InstrumentedLibrary } from "../library.ts";
import { event } from "../runtime/steps.ts";

interface LockWords {
  readonly words: Int32Array;
}

const LOCK_WORD = 0;
const COUNTER_WORD = 1;
/** Stands for no place in the sources. */
const WORK_SITE = -1;

/** Threads take the lock of the library so many times each; inside they add one to a counter by two accesses. */
export function lockRounds(library: InstrumentedLibrary, threadCount: number, rounds: number): Scenario<LockWords> {
  const { runtime } = library;
  const threads = Array.from({ length: threadCount }, (_, thread) => {
    const lock = library.realm().module<typeof LockModule>("sync/lock.ts");
    const owner = lock.lockOwner(thread, 1);
    return function* ({ words }: LockWords) {
      for (let round = 0; round < rounds; round++) {
        yield* call(lock, "acquireLock", words, LOCK_WORD, owner);
        if (runtime.load(words, COUNTER_WORD, WORK_SITE)) yield event;
        const counted = runtime.value as number;
        if (runtime.store(words, COUNTER_WORD, counted + 1, WORK_SITE)) yield event;
        yield* call(lock, "releaseLock", words, LOCK_WORD);
      }
    };
  });
  return {
    name: `${threadCount} threads take a lock ${rounds} times each`,
    setUp: () => ({ words: new Int32Array(new SharedArrayBuffer(16)) }),
    memories: ({ words }) => [words.buffer],
    threads,
    verdict: ({ words }, outcome) => {
      const counted = words[COUNTER_WORD];
      const problems = counted === threadCount * rounds ? [] : [`${counted} of ${threadCount * rounds} were counted`];
      const isFree = words[LOCK_WORD] === 0 ? [] : ["the lock is not free at the end"];
      return [...unexpectedEnds(outcome), ...problems, ...isFree];
    },
  };
}
