/** What a thread of the stress is doing; the watchdog prints it. */
export const ThreadState = {
  STARTING: 0,
  ATTACHING: 1,
  WORKING: 2,
  AT_BARRIER: 3,
  INSPECTING: 4,
  DUELLING: 5,
  EMPTYING: 6,
  LEFT: 7,
  DONE: 8,
} as const;
export type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

/** Figures that each thread keeps of what it has done; they are summed for the summary. */
export const TALLY_NAMES = [
  "operations",
  "allocations",
  "frees",
  "foreignFrees",
  "checks",
  "outOfMemory",
  "waits",
  "waitsServed",
  "attaches",
  "refusals",
  "duels",
  "lateDoubleFrees",
  "shrinks",
] as const;
export type TallyName = (typeof TALLY_NAMES)[number];
export type Tallies = Readonly<Record<TallyName, number>>;

/** Words that all threads share. */
const Word = { ABORTED: 0, BARRIER: 1, REST_ROUND: 2, FINISHED: 3, STARVING: 4 } as const;
const SHARED_WORDS = 16;
/** Words of one party: what it is doing, and its half of a duel. */
const PartyWord = { STATE: 0, ROUND: 1, OPERATION: 2, DUEL_ADDRESS: 3, DUEL_READY: 4, DUEL_WON: 5 } as const;
const PARTY_WORDS = 16;
/** Doubles of one party: they count beyond 2^32, and each is written by one thread only. */
const PARTY_TALLIES = 16;

/** Thrown in a thread that the run no longer wants, because another one has failed. */
export class Aborted extends Error {}

/**
 * The words through which the threads of a stress run speak to each other and to the main thread, in memory of their
 * own: nothing that the heap under test does can touch them. A *party* is a place in the run; a thread that leaves is
 * followed by a fresh one in its party, which inherits what the party owns.
 */
export class Control {
  readonly memory: SharedArrayBuffer;
  readonly parties: number;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly #tallies: Float64Array<SharedArrayBuffer>;

  constructor(parties: number, memory: SharedArrayBuffer = newMemory(parties)) {
    this.memory = memory;
    this.parties = parties;
    const wordCount = SHARED_WORDS + parties * PARTY_WORDS;
    this.words = new Int32Array(memory, 0, wordCount);
    this.#tallies = new Float64Array(memory, wordCount * Int32Array.BYTES_PER_ELEMENT, parties * PARTY_TALLIES);
  }

  /** Index in `words` of the barrier. */
  get barrierWord(): number {
    return Word.BARRIER;
  }

  /** Tells every thread to give up; those that sleep are terminated by the main thread. */
  abort(): void {
    Atomics.store(this.words, Word.ABORTED, 1);
  }

  requireGoingOn(): void {
    if (Atomics.load(this.words, Word.ABORTED) !== 0) throw new Aborted("another thread has failed");
  }

  /** Asks all threads to come to rest at the end of a round. */
  wantRest(round: number): void {
    Atomics.store(this.words, Word.REST_ROUND, round);
  }

  /** Whether the threads are to come to rest at the end of this round. */
  isRestWanted(round: number): boolean {
    return Atomics.load(this.words, Word.REST_ROUND) >= round;
  }

  /** Says, while all threads rest, that the round was the last. */
  finish(): void {
    Atomics.store(this.words, Word.FINISHED, 1);
  }

  get isFinished(): boolean {
    return Atomics.load(this.words, Word.FINISHED) !== 0;
  }

  /** One more thread (or one less) finds no memory for its slot; those that wait for it make room meanwhile. */
  addStarving(change: 1 | -1): void {
    Atomics.add(this.words, Word.STARVING, change);
  }

  get isSomebodyStarving(): boolean {
    return Atomics.load(this.words, Word.STARVING) > 0;
  }

  setState(party: number, state: ThreadState): void {
    Atomics.store(this.words, partyWord(party) + PartyWord.STATE, state);
  }

  setRound(party: number, round: number): void {
    Atomics.store(this.words, partyWord(party) + PartyWord.ROUND, round);
  }

  /** Notes what is about to be done, by its index in a list of names; a plain store, since it precedes each call. */
  setOperation(party: number, operation: number): void {
    this.words[partyWord(party) + PartyWord.OPERATION] = operation;
  }

  /** The words of a duel, which are those of the party that hosts it. */
  duelWords(party: number): { readonly address: number; readonly ready: number; readonly won: number } {
    const first = partyWord(party);
    return {
      address: first + PartyWord.DUEL_ADDRESS,
      ready: first + PartyWord.DUEL_READY,
      won: first + PartyWord.DUEL_WON,
    };
  }

  count(party: number, name: TallyName, by = 1): void {
    this.#tallies[party * PARTY_TALLIES + TALLY_NAMES.indexOf(name)] += by;
  }

  /** Sums over all parties. */
  tallies(): Tallies {
    const sums = TALLY_NAMES.map((name, index) => {
      let sum = 0;
      for (let party = 0; party < this.parties; party++) sum += this.#tallies[party * PARTY_TALLIES + index];
      return [name, sum] as const;
    });
    return Object.fromEntries(sums) as Record<TallyName, number>;
  }

  /** Whether the sums have come to what is wanted of each. */
  haveReached(goals: Partial<Tallies>): boolean {
    const sums = this.tallies();
    return TALLY_NAMES.every((name) => sums[name] >= (goals[name] ?? 0));
  }

  /** A text that changes whenever any thread does anything. */
  progress(): string {
    return `${this.words.join()} ${this.#tallies.join()}`;
  }

  /** What every thread is doing, a line each, for whoever has to find out why nothing moves. */
  describe(operationNames: readonly string[]): string {
    const stateNames = Object.keys(ThreadState);
    const lines = Array.from({ length: this.parties }, (_, party) => {
      const first = partyWord(party);
      const state = stateNames[this.words[first + PartyWord.STATE]];
      const operation = operationNames[this.words[first + PartyWord.OPERATION]];
      const done = this.#tallies[party * PARTY_TALLIES];
      const round = this.words[first + PartyWord.ROUND];
      return `  thread ${party}: ${state}, round ${round}, ${done} operations, last: ${operation}`;
    });
    const barrier = this.words[Word.BARRIER];
    return [...lines, `  barrier word ${barrier}, starving ${this.words[Word.STARVING]}`].join("\n");
  }
}

function newMemory(parties: number): SharedArrayBuffer {
  const wordBytes = (SHARED_WORDS + parties * PARTY_WORDS) * Int32Array.BYTES_PER_ELEMENT;
  return new SharedArrayBuffer(wordBytes + parties * PARTY_TALLIES * Float64Array.BYTES_PER_ELEMENT);
}

function partyWord(party: number): number {
  return SHARED_WORDS + party * PARTY_WORDS;
}
