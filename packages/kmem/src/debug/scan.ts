import { anyValue, badArgument, type Checks, readList, readOptions, requireAmount } from "../memory/arguments.ts";
import { WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { type LeakContext, type LiveObject, liveObjects } from "./leaks.ts";
import { objectAddress } from "./locate-object.ts";

/** Where a scan begins, and what it leaves out: after kmemleak. */
export interface ScanOptions {
  /**
   * What the program holds outside of the heap: addresses of objects, or stretches of the buffer in which addresses of
   * objects stand.
   */
  readonly roots: readonly (number | { readonly address: number; readonly bytes: number })[];
  /** Objects that are no leaks, though nothing leads to them. What they lead to is none either. */
  readonly notLeaks?: readonly number[];
  /** Objects that are no leaks and that lead nowhere, whatever they hold. */
  readonly ignored?: readonly number[];
  /** Only objects at least so old are told. Default 0. */
  readonly minAgeMs?: number;
}

const SCAN_CHECKS: Checks<ScanOptions> = {
  roots: anyValue,
  notLeaks: anyValue,
  ignored: anyValue,
  minAgeMs: requireAmount,
};

/**
 * Live objects that nothing leads to from the roots: every word, at a multiple of four, that is an address inside of a
 * live object counts as leading there. So what is found is lost for certain, unless its address is kept elsewhere or in
 * another form; and what is lost may stay hidden behind a number that looks like its address. Other threads must be at
 * rest. O(bytes of the live objects).
 */
export function scanForLeaks(context: LeakContext, options: ScanOptions): LiveObject[] {
  const { layers, blocks } = context;
  const { minAgeMs = 0, ...lists } = readOptions("options", options, SCAN_CHECKS);
  const { words } = layers.memory;
  const roots = readList("roots", lists.roots).map((root) => rootOf(root, words.length * WORD_BYTES));
  const notLeaks = addressesOf("notLeaks", lists.notLeaks);
  const ignored = addressesOf("ignored", lists.ignored);
  const objects = new Map([...liveObjects(context)].map((object) => [object.address, object]));
  const isIgnored = new Set(ignored);
  const reached = new Set<number>();
  const waiting: { address: number; bytes: number }[] = [];
  const reach = (value: number): void => {
    const located = blocks.locate(value);
    const address = located === undefined ? 0 : objectAddress(located);
    const object = objects.get(address);
    if (object === undefined || value < address || value > address + object.sizeBytes || reached.has(address)) return;
    reached.add(address);
    if (!isIgnored.has(address)) waiting.push({ address, bytes: object.sizeBytes });
  };
  for (const root of [...roots, ...notLeaks]) {
    if (typeof root === "number") reach(root);
    else waiting.push(root);
  }
  for (const address of ignored) reach(address);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const end = (next.address + next.bytes) >>> WORD_SHIFT;
    for (let word = Math.ceil(next.address / WORD_BYTES); word < end; word++) {
      if (words[word] !== 0) reach(words[word] >>> 0);
    }
  }
  return [...objects.values()].filter(({ address, ageMs }) => !reached.has(address) && ageMs >= minAgeMs);
}

interface Stretch {
  readonly address: number;
  readonly bytes: number;
}

const STRETCH_CHECKS: Checks<Stretch> = { address: requireAmount, bytes: requireAmount };

/** An address, or a stretch that ends at byte `end` of the buffer or before. Throws BAD_ARGUMENT. */
function rootOf(root: unknown, end: number): number | Stretch {
  if (typeof root === "number") return root;
  const { address, bytes } = readOptions("a root", root as Stretch, STRETCH_CHECKS);
  if (address + bytes <= end) return { address, bytes };
  throw badArgument("a root", `an address or a stretch of the buffer, which has ${end} bytes`, root);
}

function addressesOf(name: string, list: unknown): number[] {
  const addresses = list === undefined ? [] : readList(name, list);
  for (const address of addresses)
    if (typeof address !== "number") throw badArgument(name, "a list of addresses", list);
  return addresses as number[];
}
