import { ASSERTIONS, assert } from "../memory/assert.ts";
import { KmemError } from "../memory/errors.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { acquireLock, type IsGone, type LockRecovery, releaseLock } from "../sync/lock.ts";
import { DRAWER_COUNT, LockWord } from "./layout.ts";

/** Reads of the lock word before a waiter sleeps. */
const SPIN_LIMIT = 200;

/** A sleeping waiter checks again after this time, since the holder that should wake it may have died. */
const RETRY_MS = 20;

/** A hint to the processor that the thread spins; engines of 2024 and before have none. */
const pause: (() => void) | undefined = (Atomics as { pause?: () => void }).pause;

/**
 * The queuing spin lock of the GIET-VM page: each thread draws a ticket, and tickets are served in order (first come,
 * first served). A waiter spins for a while, then sleeps; a thread that must not block keeps spinning. Tickets wrap at
 * 2^32. Any number of threads; not re-entrant.
 *
 * Tickets are drawn under a separate lock and recorded with the drawer's owner number, so that tickets of dead
 * threads are skipped. If as many tickets are out as there are drawer words, further threads wait to draw, in no order.
 * Owner numbers start at 1; a number that no thread has, which only a stray write leaves here, delays nobody.
 */
export class TicketLock {
  readonly #memory: LinearMemory;
  readonly #word: number;
  readonly #recovery: LockRecovery | undefined;
  readonly #isGone: IsGone;

  /**
   * A lock whose words start at byte `address`, a multiple of 4. Zeroed words are a free lock. Without a recovery, no
   * thread is considered dead.
   */
  constructor(memory: LinearMemory, address: number, recovery?: LockRecovery) {
    this.#memory = memory;
    this.#word = address >>> WORD_SHIFT;
    this.#recovery = recovery;
    this.#isGone = (owner) => owner <= 0 || recovery?.isGone(owner) === true;
  }

  /** Whether a thread holds the lock or waits for it. */
  get isHeld(): boolean {
    return this.#load(LockWord.CURRENT) !== this.#load(LockWord.FREE);
  }

  /** The owner number of the holder, 0 while the lock is free. */
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
    if (this.#load(LockWord.CURRENT) !== ticket) this.#waitForTurn(owner, ticket, 1);
    Atomics.store(words, this.#word + LockWord.OWNER, owner);
  }

  /** Advances to the next ticket. The caller holds the lock. */
  release(): void {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    if (ASSERTIONS) assert(this.owner !== 0, `the ticket lock at word ${this.#word} is released by who holds it`);
    Atomics.store(words, this.#word + LockWord.OWNER, 0);
    Atomics.add(words, current, 1);
    // All sleepers wait on the same word and cannot be woken selectively: all wake and check their tickets.
    Atomics.notify(words, current);
  }

  /** Draws the next ticket. A thread that dies here has drawn it only if FREE counts it; its number is stored first. */
  #draw(owner: number): number {
    const { words } = this.#memory;
    const drawing = this.#word + LockWord.DRAWING;
    acquireLock(words, drawing, owner, this.#isGone);
    const ticket = this.#load(LockWord.FREE);
    const outCount = (ticket - this.#load(LockWord.CURRENT)) >>> 0;
    if (outCount > DRAWER_COUNT) this.#repairTickets(ticket);
    else if (outCount === DRAWER_COUNT) this.#waitForTurn(owner, ticket, DRAWER_COUNT);
    // Plain stores, published by the release of the lock: two atomic stores would cost as much as the rest.
    if (ASSERTIONS) assert(owner > 0, `a ticket is drawn under a name, not under ${owner}`);
    words[this.#drawerWord(ticket)] = owner;
    words[this.#word + LockWord.FREE] = ticket + 1;
    releaseLock(words, drawing);
    return ticket;
  }

  /**
   * If more tickets seem to be out than possible, advances to ticket `next` as soon as no live thread holds the lock;
   * otherwise 2^32 tickets would have to be served first. Under the lock for drawing.
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

  /** Waits until fewer than `distance` tickets precede `ticket`, counting the one being served. */
  #waitForTurn(owner: number, ticket: number, distance: number): void {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    let spins = 0;
    for (;;) {
      const served = Atomics.load(words, current);
      if (((ticket - served) | 0) < distance) return;
      if (++spins < SPIN_LIMIT) pause?.();
      else if (!this.#skipIfDead(owner, served)) sleepWhile(words, current, served);
    }
  }

  /** Skips the ticket being served if its thread is dead; false if the thread is not known to be dead. */
  #skipIfDead(owner: number, served: number): boolean {
    const { words } = this.#memory;
    const drawer = Atomics.load(words, this.#drawerWord(served));
    // Checked before OWNER is read: a thread that is dead by then cannot become the holder afterwards.
    const isDrawerGone = this.#isGone(drawer);
    const holder = this.owner;
    if (holder === 0) return isDrawerGone && this.#advance(served);
    if (!this.#isGone(holder)) return false;
    if (Atomics.compareExchange(words, this.#word + LockWord.OWNER, holder, owner) !== holder) return true;
    // While OWNER names this thread, no other thread advances the lock; once it is 0, others may.
    const held = this.#load(LockWord.CURRENT);
    this.#recovery?.repair(this.#word);
    Atomics.store(words, this.#word + LockWord.OWNER, 0);
    return this.#advance(held);
  }

  /** Advances to the ticket after `served`, unless another thread has done so. */
  #advance(served: number): boolean {
    const { words } = this.#memory;
    const current = this.#word + LockWord.CURRENT;
    Atomics.compareExchange(words, current, served, served + 1);
    Atomics.notify(words, current);
    return true;
  }

  /** Index in `words` of the word with the owner number of a ticket's drawer. */
  #drawerWord(ticket: number): number {
    return this.#word + LockWord.DRAWERS + (ticket & (DRAWER_COUNT - 1));
  }

  #load(field: number): number {
    return Atomics.load(this.#memory.words, this.#word + field);
  }
}

function sleepWhile(words: Int32Array, index: number, value: number): void {
  try {
    Atomics.wait(words, index, value, RETRY_MS);
  } catch (error) {
    // A thread that must not block, such as a page's main thread, gets this error; it spins instead.
    if (!(error instanceof TypeError)) throw error;
  }
}
