import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { acquireLock, type IsGone, type LockRecovery, releaseLock } from "../sync/lock.ts";
import { DRAWER_COUNT, LockWord } from "./layout.ts";

/** Looks at the lock before a waiter goes to sleep. */
const SPIN_LIMIT = 200;

/** A waiter looks again after so long: the holder that is to let it in may have died. */
const LOOK_AGAIN_MS = 20;

/** A hint to the processor that the thread spins; engines of 2024 and before have none. */
const pause: (() => void) | undefined = (Atomics as { pause?: () => void }).pause;

/**
 * The queuing spin lock of the GIET-VM page: each comer draws a ticket, and tickets are served in order, so that
 * the first to come is the first to go. A waiter spins for a while, then sleeps where its thread may; one that must not
 * block keeps spinning. Tickets wrap at 2^32. Any number of threads; not re-entrant.
 *
 * A ticket is drawn under a lock of its own, with the name of who drew it, so that those of threads that are gone are
 * passed over. Behind as many waiters as there are names, others wait to draw, in no order. Names are from 1 up: words
 * that name nobody, which only a stray write leaves here, keep nobody waiting.
 */
export class TicketLock {
  readonly #memory: LinearMemory;
  readonly #word: number;
  readonly #recovery: LockRecovery | undefined;
  readonly #isGone: IsGone;

  /**
   * A lock whose words start at byte `address`, a multiple of 4. Zeroed words are a free lock. Without a recovery,
   * nobody is known to be gone.
   */
  constructor(memory: LinearMemory, address: number, recovery?: LockRecovery) {
    this.#memory = memory;
    this.#word = address >>> WORD_SHIFT;
    this.#recovery = recovery;
    this.#isGone = (owner) => owner <= 0 || recovery?.isGone(owner) === true;
  }

  /** Whether somebody holds the lock or waits for it. */
  get isHeld(): boolean {
    return this.#load(LockWord.CURRENT) !== this.#load(LockWord.FREE);
  }

  /** The number of who holds the lock, 0 while nobody does. */
  get owner(): number {
    return this.#load(LockWord.OWNER);
  }

  /**
   * Draws a ticket and returns once it is served. `owner` is not 0. Throws BAD_ARGUMENT, with nothing changed, for a
   * held lock in memory that no other thread can reach: it would never be released.
   */
  acquire(owner: number): void {
    const { words } = this.#memory;
    const isShared = typeof SharedArrayBuffer !== "undefined" && words.buffer instanceof SharedArrayBuffer;
    if (!isShared && this.isHeld) {
      throw new KmemError("BAD_ARGUMENT", "the lock is held, in memory that no other thread shares", {
        owner: this.owner,
      });
    }
    const ticket = this.#draw(owner);
    if (this.#load(LockWord.CURRENT) !== ticket) this.#await(owner, ticket, 1);
    Atomics.store(words, this.#word + LockWord.OWNER, owner);
  }

  /** Lets the next ticket in. The caller holds the lock. */
  release(): void {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    if (ASSERTIONS) assert(this.owner !== 0, `the ticket lock at word ${this.#word} is released by who holds it`);
    Atomics.store(words, this.#word + LockWord.OWNER, 0);
    Atomics.add(words, current, 1);
    // Sleepers wait for one word and cannot be told apart: all of them wake and look for their ticket.
    Atomics.notify(words, current);
  }

  /** Draws the next ticket. One who dies on the way has drawn it if it is counted, and then its name is there. */
  #draw(owner: number): number {
    const { words } = this.#memory;
    const drawing = this.#word + LockWord.DRAWING;
    acquireLock(words, drawing, owner, this.#isGone);
    const ticket = this.#load(LockWord.FREE);
    const outCount = (ticket - this.#load(LockWord.CURRENT)) >>> 0;
    if (outCount > DRAWER_COUNT) this.#repairTickets(ticket);
    else if (outCount === DRAWER_COUNT) this.#await(owner, ticket, DRAWER_COUNT);
    // Plain stores, which the release of the lock makes known: two atomic ones cost as much as the rest.
    if (ASSERTIONS) assert(owner > 0, `a ticket is drawn under a name, not under ${owner}`);
    words[this.#drawer(ticket)] = owner;
    words[this.#word + LockWord.FREE] = ticket + 1;
    releaseLock(words, drawing);
    return ticket;
  }

  /**
   * Where more tickets are said to be out than there can be: calls for the next one, once nobody is inside. Those that
   * are said to be out would be called for after 2^32 others. Under the lock of drawing.
   */
  #repairTickets(next: number): void {
    const { words } = this.#memory;
    for (;;) {
      const served = this.#load(LockWord.CURRENT);
      if ((next - served) >>> 0 <= DRAWER_COUNT) return;
      const holder = this.owner;
      if (holder !== 0 && !this.#isGone(holder)) sleepWhile(words, this.#word + LockWord.CURRENT, served);
      else if (Atomics.compareExchange(words, this.#word + LockWord.OWNER, holder, 0) === holder) {
        if (holder !== 0) this.#recovery?.repair(this.#word);
        Atomics.store(words, this.#word + LockWord.CURRENT, next);
      }
    }
  }

  /** Waits until fewer than `distance` tickets are before the one after `ticket`. */
  #await(owner: number, ticket: number, distance: number): void {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    let spins = 0;
    for (;;) {
      const served = Atomics.load(words, current);
      if (((ticket - served) | 0) < distance) return;
      if (++spins < SPIN_LIMIT) pause?.();
      else if (!this.#passOver(owner, served)) sleepWhile(words, current, served);
    }
  }

  /** Lets the next one in where the one being served is gone; false where nothing is known of that. */
  #passOver(owner: number, served: number): boolean {
    const { words } = this.#memory;
    const drawer = Atomics.load(words, this.#drawer(served));
    // Asked before OWNER is read: one who is gone then will not come to hold the lock any more.
    const isDrawerGone = this.#isGone(drawer);
    const holder = this.owner;
    if (holder === 0) return isDrawerGone && this.#passOn(served);
    if (!this.#isGone(holder)) return false;
    if (Atomics.compareExchange(words, this.#word + LockWord.OWNER, holder, owner) !== holder) return true;
    // While OWNER names this thread nobody else lets the next one in; as soon as it does not, others may.
    const held = this.#load(LockWord.CURRENT);
    this.#recovery?.repair(this.#word);
    Atomics.store(words, this.#word + LockWord.OWNER, 0);
    return this.#passOn(held);
  }

  /** Lets the ticket after `served` in, unless somebody else has. */
  #passOn(served: number): boolean {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    Atomics.compareExchange(words, current, served, served + 1);
    Atomics.notify(words, current);
    return true;
  }

  /** Index in `words` of the name of who drew a ticket. */
  #drawer(ticket: number): number {
    return this.#word + LockWord.DRAWERS + (ticket & (DRAWER_COUNT - 1));
  }

  #load(field: number): number {
    return Atomics.load(this.#memory.words, this.#word + field);
  }
}

function sleepWhile(words: Int32Array, index: number, value: number): void {
  try {
    Atomics.wait(words, index, value, LOOK_AGAIN_MS);
  } catch (error) {
    // A thread that must not block, a page's main thread, gets this error; it spins instead.
    if (!(error instanceof TypeError)) throw error;
  }
}
