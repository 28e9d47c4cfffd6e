import type * as TicketModule from "../../../src/cluster/ticket-lock.ts";
import type * as MemoryModule from "../../../src/memory/memory.ts";
import { call } from "../call.ts";
import type { Scenario } from "../explore/scenario.ts";
import type { Realm } from "../library.ts";
import { event, type Steps, type TwoForms } from "../runtime/steps.ts";
import type { Kmem } from "./kmem.ts";

interface TicketWorld {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly locks: readonly TicketModule.TicketLock[];
}

/** Behind the words of the lock. */
const COUNTER_WORD = 16;
const DEAD_WORD = 17;
const REPAIRS_WORD = 18;
const WORDS = 32;
/** Stands for no place in the sources. */
const WORK_SITE = -1;

/** The number of the thread that dies, and of the first of the others. */
const VICTIM = 1;

/**
 * Threads take the queuing lock once each, and add one to a counter under it by two accesses; the first of them dies
 * after so many of its accesses to shared memory, and the others know it from then on.
 */
export function ticketsOfTheDead(kmem: Kmem, threadCount: number, accessesMade: number): Scenario<TicketWorld> {
  const { runtime } = kmem.library;

  function* add(words: Int32Array, word: number): Steps {
    if (runtime.load(words, word, WORK_SITE)) yield event;
    const counted = runtime.value as number;
    if (runtime.store(words, word, counted + 1, WORK_SITE)) yield event;
    return undefined;
  }

  function heirOver(words: Int32Array) {
    const isGone = ((owner: number) => owner === VICTIM && words[DEAD_WORD] === 1) as TwoForms & typeof Boolean;
    isGone.$g = function* (owner: unknown): Steps {
      if (runtime.load(words, DEAD_WORD, WORK_SITE)) yield event;
      return owner === VICTIM && runtime.value === 1;
    };
    const repair = (): void => {};
    return { isGone, isGone$g: isGone.$g, repair, repair$g: () => add(words, REPAIRS_WORD) };
  }

  const victim = function* ({ words, locks }: TicketWorld): Generator<unknown, void> {
    const lock = locks[0] as TicketModule.TicketLock;
    const beacon = call(lock, "acquire", VICTIM);
    for (let accesses = 0; accesses < accessesMade; accesses++) {
      const { done = false, value } = beacon.next();
      if (done) break;
      yield value;
    }
    if (runtime.store(words, DEAD_WORD, 1, WORK_SITE)) yield event;
  };
  const other = (thread: number) =>
    function* ({ words, locks }: TicketWorld): Generator<unknown, void> {
      const lock = locks[thread] as TicketModule.TicketLock;
      yield* call(lock, "acquire", VICTIM + thread);
      yield* add(words, COUNTER_WORD);
      yield* call(lock, "release");
    };
  return {
    name: `${threadCount} threads at a queue, one dies after ${accessesMade} accesses`,
    setUp: () => {
      const words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
      const locks = Array.from({ length: threadCount }, (_, thread) => {
        const realm = kmem.realms[thread] as Realm;
        const { TicketLock } = realm.module<typeof TicketModule>("cluster/ticket-lock.ts");
        const { LinearMemory } = realm.module<typeof MemoryModule>("memory/memory.ts");
        return new TicketLock(new LinearMemory(words.buffer), 0, heirOver(words));
      });
      return { words, locks };
    },
    threads: [victim, ...Array.from({ length: threadCount - 1 }, (_, index) => other(index + 1))],
    verdict: ({ words, locks }, { errors, unfinished }) => {
      const problems = errors.flatMap((error, thread) => (error === undefined ? [] : [`thread ${thread}: ${error}`]));
      for (const thread of unfinished) problems.push(`thread ${thread} waits for ever`);
      const counted = words[COUNTER_WORD];
      if (counted !== threadCount - 1) problems.push(`${counted} of ${threadCount - 1} were counted`);
      // The next one to come passes over what the dead may have left at the end of the queue.
      const lock = locks[1] as TicketModule.TicketLock;
      lock.acquire(VICTIM + 1);
      lock.release();
      if (lock.isHeld || lock.owner !== 0) problems.push("the lock is not free at the end");
      return problems;
    },
  };
}
