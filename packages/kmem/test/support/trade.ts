import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Mailbox, type Parcel } from "./mailbox.ts";
import { Random } from "./random.ts";

/** What two threads trade: the calls of a face that get memory and give it back. */
export interface Goods {
  /** Something new, filled with a pattern of the seed; undefined where there was no memory. */
  readonly take: (random: Random, seed: number) => Parcel | undefined;
  /** Gives something back that some thread took; throws unless it is as that thread filled it. */
  readonly give: (parcel: Parcel) => void;
}

/** How two threads trade; it goes through postMessage. */
export interface TradeOrders {
  readonly party: number;
  readonly inbox: SharedArrayBuffer;
  readonly outbox: SharedArrayBuffer;
  /** A word for each party, not 0 when it gives away nothing more; and one that starts both. */
  readonly words: SharedArrayBuffer;
  readonly operations: number;
  /** How many a thread keeps; half of what it takes while it has fewer. */
  readonly heldCount: number;
}

/** What a thread has done. */
export interface TradeResult {
  readonly taken: number;
  /** Of what it gave back, how much the other had taken. */
  readonly foreign: number;
}

const PARTIES = 2;
/** Parcels under way in one direction; a thread that has taken so many has given at least so many away. */
export const MAILBOX_CAPACITY = 64;
const OFFER_TURNS = 20;
const OFFER_TURN_MS = 0.1;
/** What a thread keeps unless a test says otherwise. */
const HELD_COUNT = 20;
/** Seeds of the two parties never meet. */
const SEEDS_APART = 1_000_000;

/** Waits until both threads have come here as often as this one. */
export function meet(memory: SharedArrayBuffer, word: number): void {
  const words = new Int32Array(memory);
  const arrived = Atomics.add(words, word, 1) + 1;
  const wanted = Math.ceil(arrived / PARTIES) * PARTIES;
  for (let now = arrived; now < wanted; now = Atomics.load(words, word)) Atomics.wait(words, word, now, 1);
}

/** Trades until the orders are done and nothing is under way any more; holds nothing in the end. */
export function trade(
  goods: Goods,
  { party, inbox, outbox, words: memory, operations, heldCount }: TradeOrders,
): TradeResult {
  const words = new Int32Array(memory);
  const [from, to] = [new Mailbox(inbox), new Mailbox(outbox)];
  const random = new Random(party + 1);
  const held: Parcel[] = [];
  let taken = 0;
  let foreign = 0;
  const accept = (): boolean => {
    const parcel = from.take();
    if (parcel === undefined) return false;
    goods.give(parcel);
    foreign++;
    return true;
  };
  // Gives the other thread a little time, so that neither runs through alone.
  const offer = (parcel: Parcel): boolean => {
    for (let turn = 0; turn < OFFER_TURNS && Atomics.load(words, 1 - party) === 0; turn++) {
      if (to.put(parcel)) return true;
      if (!accept()) Atomics.wait(words, 1 - party, 0, OFFER_TURN_MS);
    }
    return to.put(parcel);
  };
  meet(memory, PARTIES);
  for (let step = 0; step < operations; step++) {
    const parcel = goods.take(random, party * SEEDS_APART + step);
    if (parcel !== undefined) taken++;
    if (parcel !== undefined && (random.below(2) === 0 || !offer(parcel))) held.push(parcel);
    accept();
    if (held.length > heldCount) goods.give(held.splice(random.below(held.length), 1)[0] as Parcel);
  }
  for (const parcel of held) goods.give(parcel);
  Atomics.store(words, party, 1);
  while (Atomics.load(words, 1 - party) === 0) if (!accept()) Atomics.wait(words, 1 - party, 0, 1);
  while (accept());
  return { taken, foreign };
}

/** Starts a thread for each party, with orders of its own; resolves with what they post in the end. */
export async function inTwoThreads<Result>(
  worker: URL,
  makeOrders: (trade: TradeOrders) => unknown,
  operations = 0,
  heldCount: number = HELD_COUNT,
): Promise<readonly Result[]> {
  const boxes = [Mailbox.create(MAILBOX_CAPACITY).memory, Mailbox.create(MAILBOX_CAPACITY).memory];
  const words = new SharedArrayBuffer(64);
  const threads = [0, 1].map((party) => {
    const boxesOf = { inbox: boxes[party], outbox: boxes[1 - party] } as {
      inbox: SharedArrayBuffer;
      outbox: SharedArrayBuffer;
    };
    return new Worker(worker, { workerData: makeOrders({ party, ...boxesOf, words, operations, heldCount }) });
  });
  try {
    const results = await Promise.all(threads.map((thread) => once(thread, "message")));
    return results.map(([result]) => result as Result);
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}
