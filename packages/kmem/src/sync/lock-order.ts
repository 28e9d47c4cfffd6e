import { assert } from "../memory/assert.ts";
import { type Geometry, headerWord } from "../memory/header.ts";
import { Header } from "../memory/layout.ts";

/** The order of locks, see layout.ts: a thread takes a lock only while all that it holds have lower ranks. */
const LockRank = { REAP: 1, TABLE: 2, SHEAVES: 3, ENGINE: 4, PAGES: 5 } as const;

const HEADER_RANKS: readonly (readonly [field: number, rank: number])[] = [
  [Header.REAP_LOCK, LockRank.REAP],
  [Header.TABLE_LOCK, LockRank.TABLE],
  [Header.SHEAVES_LOCK, LockRank.SHEAVES],
  [Header.BUCKET_LOCK, LockRank.ENGINE],
  [Header.VMALLOC_LOCK, LockRank.ENGINE],
  [Header.PAGES_LOCK, LockRank.PAGES],
];

/**
 * In test builds: the locks that one slot's thread holds, in the order in which it took them. What is kept here is no
 * state of the heap; it only tells a mistake at the instant at which it is made.
 */
export class LockOrder {
  readonly #ranks: ReadonlyMap<number, number>;
  readonly #geometry: Geometry;
  readonly #held: number[] = [];
  readonly #isOwn: (word: number) => boolean;

  /** `isOwn` says whether the lock at a word is this slot's: a test may have put back the memory of another time. */
  constructor(geometry: Geometry, isOwn: (word: number) => boolean = () => true) {
    this.#geometry = geometry;
    this.#isOwn = isOwn;
    this.#ranks = new Map(HEADER_RANKS.map(([field, rank]) => [headerWord(geometry, field), rank]));
  }

  /** The rank of the lock at a word. Those of caches, and those in blocks and runs of pages, are like engines'. */
  rankOf(word: number): number {
    return this.#ranks.get(word) ?? LockRank.ENGINE;
  }

  /** Whether the thread holds the lock at a word. */
  holds(word: number): boolean {
    return this.held.includes(word);
  }

  /** Whether the thread holds a lock of the header. */
  holdsHeader(field: number): boolean {
    return this.holds(headerWord(this.#geometry, field));
  }

  /** Words of the locks that the thread holds. */
  get held(): readonly number[] {
    let kept = 0;
    for (const word of this.#held) if (this.#isOwn(word)) this.#held[kept++] = word;
    this.#held.length = kept;
    return this.#held;
  }

  /** The thread is about to wait for a lock. */
  acquire(word: number): void {
    assert(word > headerWord(this.#geometry, Header.MAGIC), `a lock is a word of the heap, not word ${word}`);
    assert(!this.holds(word), `no slot takes the lock at word ${word} twice`);
    for (const other of this.held) {
      const isLater = this.rankOf(word) > this.rankOf(other);
      assert(isLater, `the lock at word ${word} is taken before the one at word ${other}, not under it`);
    }
    this.#held.push(word);
  }

  /** The thread is about to give a lock back. */
  release(word: number): void {
    const index = this.#held.indexOf(word);
    assert(index >= 0, `the lock at word ${word} is released by who holds it`);
    this.#held.splice(index, 1);
  }
}

/** Locks whose order is known: in test builds those of every slot. */
export interface OrderedLocks {
  readonly order?: LockOrder | undefined;
}

/** Asserts that the thread holds the lock at a word. */
export function assertHeld({ order }: OrderedLocks, word: number, what: string): void {
  assert(order === undefined || order.holds(word), `the thread holds ${what}, at word ${word}`);
}

/** Asserts that the thread holds a lock of the header. */
export function assertHeaderLock({ order }: OrderedLocks, field: number, what: string): void {
  assert(order === undefined || order.holdsHeader(field), `the thread holds ${what}`);
}

/** Asserts that the thread holds no lock: it is about to run a user's function, or to sleep until there is memory. */
export function assertNoLock({ order }: OrderedLocks, when: string): void {
  const held = order?.held ?? [];
  assert(held.length === 0, `no lock is held ${when}, and those at the words ${held.join(", ")} are`);
}
