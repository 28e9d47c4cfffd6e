// A thread of the tests: does what its orders say, on memory that it shares with them.
import { parentPort, workerData } from "node:worker_threads";
import { TicketLock } from "../../src/cluster/ticket-lock.ts";
import { type GietConfig, giet } from "../../src/kernels/giet/giet.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import { COUNTER_BYTE, type Orders } from "./orders.ts";

/** Takes the lock once and notes, under it, who came. */
function queue(lock: SharedArrayBuffer, owner: number, order: SharedArrayBuffer): void {
  const ticketLock = new TicketLock(new LinearMemory(lock), 0);
  const notes = new Int32Array(order);
  ticketLock.acquire(owner);
  notes[0]++;
  notes[notes[0]] = owner;
  ticketLock.release();
}

/** Adds one to a plain word, again and again, under the lock. */
function count(lock: SharedArrayBuffer, owner: number, rounds: number): void {
  const ticketLock = new TicketLock(new LinearMemory(lock), 0);
  const words = new Int32Array(lock);
  for (let round = 0; round < rounds; round++) {
    ticketLock.acquire(owner);
    words[COUNTER_BYTE / 4]++;
    ticketLock.release();
  }
}

function malloc(config: GietConfig, sizes: readonly number[]): number[] {
  const { _remote_malloc } = giet(config, { print: () => undefined });
  return sizes.map((size) => _remote_malloc(size, 0, 0));
}

function localMalloc(config: GietConfig, sizes: readonly number[]): number[] {
  const { _malloc } = giet(config, { print: () => undefined });
  return sizes.map((size) => _malloc(size));
}

const orders = workerData as Orders;
let result: readonly number[] = [];
if (orders.name === "queue") queue(orders.lock, orders.owner, orders.order);
else if (orders.name === "count") count(orders.lock, orders.owner, orders.rounds);
else if (orders.name === "malloc") result = malloc(orders.config, orders.sizes);
else result = localMalloc(orders.config, orders.sizes);
parentPort?.postMessage(result);
