import { OutOfMemoryError } from "../../src/index.ts";
import type { Random } from "../support/random.ts";
import { type Holder, requireSound } from "./holder.ts";

/** The longest that a thread waits for memory. */
const TIMEOUT_MS_MAX = 20;
/** One wait in so many is for something that was called off before. */
const CALLED_OFF = 16;

function drawTimeoutMs(random: Random): number {
  return random.below(TIMEOUT_MS_MAX + 1);
}

/** Enters what a wait has brought, or counts that there was nothing. */
function conclude(holder: Holder, address: number, sizeBytes: number): void {
  holder.count("waits");
  holder.count(address === 0 ? "outOfMemory" : "waitsServed");
  // A shrinker may have run meanwhile, but nothing has come to the ledger, so there is room.
  if (address !== 0) holder.enter(address, sizeBytes);
}

/** Waits for memory, asleep. A wait that was called off before it began must say so, and take nothing. */
export function waitForMemory(holder: Holder, random: Random, sizeBytes: number): void {
  if (random.below(CALLED_OFF) === 0) waitCalledOff(holder, sizeBytes);
  else waitAsleep(holder, random, sizeBytes);
}

function waitAsleep(holder: Holder, random: Random, sizeBytes: number): void {
  let address = 0;
  try {
    address = holder.heap.allocWait(sizeBytes, { timeoutMs: drawTimeoutMs(random) });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
  }
  conclude(holder, address, sizeBytes);
}

/** Waits for memory while the thread's event loop goes on. */
export async function waitForMemoryAsync(holder: Holder, random: Random, sizeBytes: number): Promise<void> {
  let address = 0;
  try {
    address = await holder.heap.allocAsync(sizeBytes, { timeoutMs: drawTimeoutMs(random) });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
  }
  conclude(holder, address, sizeBytes);
}

function waitCalledOff(holder: Holder, sizeBytes: number): void {
  const reason = new Error("called off");
  let thrown: unknown;
  try {
    holder.heap.allocWait(sizeBytes, { timeoutMs: TIMEOUT_MS_MAX, signal: AbortSignal.abort(reason) });
  } catch (error) {
    thrown = error;
  }
  requireSound(thrown === reason, () => `a wait that was called off threw ${String(thrown)}`);
  holder.count("waits");
}
