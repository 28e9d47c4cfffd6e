import { releaseList, type WorkThread } from "./work.ts";

/**
 * A bounded queue of lists of blocks. Tickets say whose turn it is: who gives or takes list number t uses place
 * t mod 8. A place is free for the giver of t when its turn is twice the lap of t, and full for the taker of t when it
 * is one more. Lists are filled and emptied where they lie.
 *
 *      word 0     GIVE_TICKET   next to give, where several threads give
 *      word 16    TAKE_TICKET   next to take, where several threads take
 *      word 32    places, each in a cache line of its own: TURN, COUNT
 *      word 160   lists
 */
const GIVE_TICKET = 0;
const TAKE_TICKET = 16;
const PLACES = 32;
const PLACE_WORDS = 16;
const COUNT = 1;
const PLACE_COUNT = 8;
const PLACE_SHIFT = 3;
const PLACE_MASK: number = PLACE_COUNT - 1;
const LISTS: number = PLACES + PLACE_COUNT * PLACE_WORDS;

/** Blocks in a list at the most. */
export const LIST_CAPACITY = 4096;
/** Words that a ring takes. */
export const RING_WORDS: number = LISTS + PLACE_COUNT * LIST_CAPACITY;

/** The next list to give, counted from 0; several threads may ask. */
export function nextToGive(shared: Int32Array, ring: number): number {
  return Atomics.add(shared, ring + GIVE_TICKET, 1);
}

/** The next list to take, counted from 0; several threads may ask. */
export function nextToTake(shared: Int32Array, ring: number): number {
  return Atomics.add(shared, ring + TAKE_TICKET, 1);
}

function turnWord(ring: number, ticket: number): number {
  return ring + PLACES + (ticket & PLACE_MASK) * PLACE_WORDS;
}

function freeTurn(ticket: number): number {
  return (ticket >>> PLACE_SHIFT) * 2;
}

function fullTurn(ticket: number): number {
  return freeTurn(ticket) + 1;
}

/** Where the list of a ticket begins. */
export function listStart(ring: number, ticket: number): number {
  return ring + LISTS + (ticket & PLACE_MASK) * LIST_CAPACITY;
}

/** Sleeps until a word has a value. */
export function awaitValue(shared: Int32Array, word: number, value: number): void {
  for (let seen = Atomics.load(shared, word); seen !== value; seen = Atomics.load(shared, word)) {
    Atomics.wait(shared, word, seen);
  }
}

/** Sets a word and wakes who waits for it. */
export function setValue(shared: Int32Array, word: number, value: number): void {
  Atomics.store(shared, word, value);
  Atomics.notify(shared, word);
}

/** Whether the list of a ticket can be filled. */
export function isFree(shared: Int32Array, ring: number, ticket: number): boolean {
  return Atomics.load(shared, turnWord(ring, ticket)) === freeTurn(ticket);
}

/** Whether the list of a ticket can be taken. */
export function isFull(shared: Int32Array, ring: number, ticket: number): boolean {
  return Atomics.load(shared, turnWord(ring, ticket)) === fullTurn(ticket);
}

/** Sleeps until the list of a ticket can be filled. */
export function awaitFree(shared: Int32Array, ring: number, ticket: number): void {
  awaitValue(shared, turnWord(ring, ticket), freeTurn(ticket));
}

/** Sleeps until the list of a ticket can be taken. */
export function awaitFull(shared: Int32Array, ring: number, ticket: number): void {
  awaitValue(shared, turnWord(ring, ticket), fullTurn(ticket));
}

/** Sleeps until the place of a ticket has another turn than `seen`. */
export function awaitChange(shared: Int32Array, ring: number, ticket: number, seen: number): void {
  Atomics.wait(shared, turnWord(ring, ticket), seen);
}

/** The turn of the place of a ticket. */
export function turnOf(shared: Int32Array, ring: number, ticket: number): number {
  return Atomics.load(shared, turnWord(ring, ticket));
}

/** Hands a filled list over. */
export function giveList(shared: Int32Array, ring: number, ticket: number, count: number): void {
  const turn = turnWord(ring, ticket);
  shared[turn + COUNT] = count;
  setValue(shared, turn, fullTurn(ticket));
}

/** Frees the blocks of a list that can be taken, and its place. */
export function releasePlace(thread: WorkThread, ring: number, ticket: number): void {
  const { shared } = thread;
  const turn = turnWord(ring, ticket);
  releaseList(thread, shared, listStart(ring, ticket), shared[turn + COUNT]!);
  setValue(shared, turn, fullTurn(ticket) + 1);
}
