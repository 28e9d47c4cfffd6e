import { heapStats } from "../../src/index.ts";
import type { Random } from "../support/random.ts";
import { Kind } from "./block-record.ts";
import { type Holder, requireSound } from "./holder.ts";
import { misuse, requireRefusal } from "./misuse.ts";

/** Misuses at one rest. */
const MISUSES = 8;

/** Index of the first byte in which two buffers of one length differ, or -1. */
function firstDifference(before: Uint8Array, after: Uint8Array): number {
  return Buffer.compare(before, after) === 0 ? -1 : before.findIndex((byte, index) => byte !== after[index]);
}

/**
 * Misuses while all other threads rest, so that the bytes of the whole heap can be compared: a refused call leaves
 * every one of them as it was. Blocks of any size are freed twice here, since nobody can get them in between.
 */
export function misuseAtRest(holder: Holder, random: Random): void {
  const { heap, ledger } = holder;
  const { startAddress, bytes } = heapStats(heap);
  for (let round = 0; round < MISUSES && ledger.count > 0; round++) {
    const record = ledger.remove(random.below(ledger.count));
    holder.release(record, false);
    if (record.kind !== Kind.PAGES) refuseUnchanged(holder, `a second free of ${record.address}`, record.address);
    refuseUnchanged(holder, "a free inside of the tables", startAddress + random.below(bytes.metadataBytes));
    misuse(holder, random);
  }
}

function refuseUnchanged(holder: Holder, what: string, address: number): void {
  const { heap } = holder;
  const before = new Uint8Array(heap.buffer).slice();
  requireRefusal(holder, what, () => heap.free(address), "DOUBLE_FREE", "INVALID_FREE");
  const changed = firstDifference(before, new Uint8Array(heap.buffer));
  requireSound(changed < 0, () => `${what} was refused and changed byte ${changed}`);
}
