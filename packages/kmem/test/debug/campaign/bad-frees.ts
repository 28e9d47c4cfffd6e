import { checkHeap, Heap, KmemError } from "../../../src/index.ts";
import { MIB } from "../../support/memories.ts";
import { Random } from "../../support/random.ts";

/** How a free can be wrong. */
export const BAD_FREES = ["double free", "invalid free", "foreign address"] as const;
export type BadFree = (typeof BAD_FREES)[number];

const SIZE_MAX = 60_000;
const HELD_MAX = 300;

/** Frees that are wrong, at random, between right ones, on a heap that is not debugged; returns those not refused. */
export function badFrees(count: number, seed: number): readonly string[] {
  const random = new Random(seed);
  const heap = Heap.create({ sizeBytes: 16 * MIB });
  const live: { address: number; sizeBytes: number }[] = [];
  const accepted: string[] = [];
  for (let number = 0; number < count; number++) {
    const sizeBytes = 2 + random.size(SIZE_MAX);
    live.push({ address: heap.alloc(sizeBytes), sizeBytes });
    const kind = BAD_FREES[number % BAD_FREES.length] as BadFree;
    const address = badAddress(kind, heap, live, random);
    const code = codeOf(() => heap.free(address));
    if (code !== (kind === "double free" ? "DOUBLE_FREE" : "INVALID_FREE"))
      accepted.push(`${number}: ${kind}: ${code}`);
    while (live.length > HELD_MAX / 2) heap.free(takeFrom(live, random).address);
  }
  for (const { problem } of checkHeap(heap).findings) accepted.push(problem);
  return accepted;
}

function badAddress(kind: BadFree, heap: Heap, live: { address: number; sizeBytes: number }[], random: Random): number {
  if (kind === "double free") {
    const { address } = takeFrom(live, random);
    heap.free(address);
    return address;
  }
  const { address, sizeBytes } = random.pick(live);
  if (kind === "invalid free") return address + 1 + random.below(sizeBytes - 1);
  // Beyond the buffer, or in the header and the tables.
  return random.below(2) === 0 ? heap.buffer.byteLength + random.below(MIB) : 1 + random.below(4096);
}

function takeFrom<Item>(items: Item[], random: Random): Item {
  return items.splice(random.below(items.length), 1)[0] as Item;
}

function codeOf(action: () => void): string {
  try {
    action();
    return "accepted";
  } catch (error) {
    if (error instanceof KmemError) return error.code;
    throw error;
  }
}
