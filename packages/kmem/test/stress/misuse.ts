import { blockAt, KmemError, type KmemErrorCode, PAGE_SIZE } from "../../src/index.ts";
import type { Random } from "../support/random.ts";
import { type BlockRecord, Kind } from "./block-record.ts";
import { type Holder, requireSound } from "./holder.ts";

/** Values that are no address of anything, whatever the heap holds. */
const NO_ADDRESSES: readonly number[] = [
  -1,
  -16,
  1.5,
  8,
  16,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 32,
  2 ** 32 + 16,
  2 ** 53,
];

/** What a block that is a run of pages names as its cache. */
const RUN_OF_PAGES = "pages";

/** Does what must be refused, and throws unless it is, with one of these codes. */
export function requireRefusal(holder: Holder, what: string, action: () => unknown, ...codes: KmemErrorCode[]): void {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  const code = thrown instanceof KmemError ? thrown.code : undefined;
  if (thrown !== undefined && code === undefined) throw thrown;
  requireSound(code !== undefined && codes.includes(code), () => `${what}: ${String(thrown ?? "was not refused")}`);
  holder.count("refusals");
}

function freeWrongValue(holder: Holder, random: Random): void {
  const { heap } = holder;
  const value = random.pick([...NO_ADDRESSES, heap.buffer.byteLength, heap.buffer.byteLength + PAGE_SIZE]);
  requireRefusal(holder, `free(${value})`, () => heap.free(value), "INVALID_FREE");
}

/**
 * Frees a small block of its own twice in a row. Between the two calls it lies on top of this thread's sheaf, where no
 * other thread can get it; a large block would be free pages, and soon somebody else's block.
 */
function freeTwice(holder: Holder, random: Random): void {
  const { heap, ledger, caches } = holder;
  const index = random.below(ledger.count);
  const { kind, sizeBytes, address } = ledger.at(index);
  if (kind === Kind.PAGES || blockAt(heap, address)?.cache === RUN_OF_PAGES) return;
  const record = ledger.remove(index);
  holder.release(record, random.below(2) === 0);
  const again = kind >= Kind.OBJECT ? () => caches[kind - Kind.OBJECT].free(address) : () => heap.free(address);
  const what = `a second free of the ${sizeBytes} bytes at ${address}`;
  requireRefusal(holder, what, random.below(2) === 0 ? again : () => heap.free(address), "DOUBLE_FREE");
  requireRefusal(holder, `usableSize after ${what}`, () => heap.usableSize(address), "INVALID_ADDRESS");
  requireRefusal(holder, `realloc after ${what}`, () => heap.realloc(address, sizeBytes + 1), "INVALID_ADDRESS");
}

/** Frees what lies in the middle of a piece of its own. */
function freeInterior(holder: Holder, random: Random, record: BlockRecord): void {
  const { heap, caches } = holder;
  const { address, sizeBytes, kind } = record;
  if (sizeBytes < 2) return;
  const inside = address + 1 + random.below(sizeBytes - 1);
  requireRefusal(holder, `free(${inside}) inside ${address}`, () => heap.free(inside), "INVALID_FREE");
  if (kind < Kind.OBJECT) return;
  const cache = caches[kind - Kind.OBJECT];
  requireRefusal(holder, `free(${inside}) of an object's inside`, () => cache.free(inside), "INVALID_FREE");
}

/** Frees a piece of its own by the way that is for others. */
function freeWrongWay(holder: Holder, record: BlockRecord): void {
  const { heap, caches } = holder;
  const { address, sizeBytes, kind } = record;
  const page = address - (address % PAGE_SIZE);
  if (kind === Kind.PAGES) {
    const pages = sizeBytes / PAGE_SIZE;
    requireRefusal(holder, `free(${address}) of pages`, () => heap.free(address), "INVALID_FREE");
    requireRefusal(holder, "pages.free inside a page", () => heap.pages.free(address + 8, 1), "INVALID_FREE");
    const tooMany = (): void => heap.pages.free(address, pages + heap.buffer.byteLength / PAGE_SIZE);
    requireRefusal(holder, "pages.free of more than there is", tooMany, "INVALID_FREE");
    return;
  }
  requireRefusal(holder, `pages.free(${page}) of a block`, () => heap.pages.free(page, 1), "INVALID_FREE");
  for (const [index, cache] of caches.entries()) {
    if (kind === Kind.OBJECT + index) continue;
    const free = (): void => cache.free(address);
    requireRefusal(holder, `free(${address}) in the cache ${cache.name}`, free, "INVALID_FREE");
  }
}

/** One random misuse, by a thread while others work: it must be refused, whatever they do. */
export function misuse(holder: Holder, random: Random): void {
  const { ledger } = holder;
  const choice = random.below(4);
  if (choice === 0 || ledger.count === 0) freeWrongValue(holder, random);
  else if (choice === 1) freeTwice(holder, random);
  else if (choice === 2) freeInterior(holder, random, ledger.at(random.below(ledger.count)));
  else freeWrongWay(holder, ledger.at(random.below(ledger.count)));
}
