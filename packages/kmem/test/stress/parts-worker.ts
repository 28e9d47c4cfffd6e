// A thread of the tests of the barrier and of the exchange: does what its orders say and posts what it has seen.
import { parentPort, workerData } from "node:worker_threads";
import { Barrier } from "./barrier.ts";
import { Exchange } from "./exchange.ts";

/** What a thread of these tests does. */
export type PartsOrders =
  | { readonly name: "meet"; readonly words: SharedArrayBuffer; readonly parties: number; readonly meetings: number }
  | { readonly name: "trade"; readonly cells: SharedArrayBuffer; readonly party: number; readonly records: number };

/** Words of the memory of a "meet": the barrier, and a plain counter per party. */
const BARRIER_WORD = 0;
const FIRST_COUNTER_WORD = 1;

/** Counts its own arrivals in a plain word; returns the meetings after which somebody's count was another. */
function meet(memory: SharedArrayBuffer, parties: number, meetings: number, party: number): number[] {
  const words = new Int32Array(memory);
  const barrier = new Barrier(words, BARRIER_WORD, parties);
  const faults: number[] = [];
  for (let meeting = 1; meeting <= meetings; meeting++) {
    words[FIRST_COUNTER_WORD + party] = meeting;
    barrier.meet({ atBeat: () => undefined });
    const counts = words.subarray(FIRST_COUNTER_WORD, FIRST_COUNTER_WORD + parties);
    if (counts.some((count) => count !== meeting)) faults.push(meeting);
    barrier.meet({ atBeat: () => undefined });
  }
  return faults;
}

/** Gives so many records away, each with an address of its own, and takes what others give; returns what it took. */
function trade(cells: SharedArrayBuffer, party: number, records: number): number[] {
  const exchange = new Exchange(cells);
  const taken: number[] = [];
  let given = 0;
  while (given < records) {
    const address = party * records + given;
    const isGiven = exchange.offer({ address, sizeBytes: ~address >>> 0, seed: party, kind: 0, owner: party }, given);
    if (isGiven) given++;
    const record = exchange.take(party, given * party);
    if (record === undefined) continue;
    taken.push(record.sizeBytes === ~record.address >>> 0 && record.owner !== party ? record.address : -1);
  }
  return taken;
}

const { orders, party } = workerData as { orders: PartsOrders; party: number };
parentPort?.postMessage(
  orders.name === "meet"
    ? meet(orders.words, orders.parties, orders.meetings, party)
    : trade(orders.cells, party, orders.records),
);
