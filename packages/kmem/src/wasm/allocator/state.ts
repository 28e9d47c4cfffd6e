import type { CodeFacts } from "../code/code-facts.ts";

/** The variables of an allocator lie this close together: emmalloc's lists take 1,032 bytes, dlmalloc's 450. */
const STATE_BYTES = 1536;
/** How far before the first variable that both name the first of all may lie. */
const BASE_REACH_BYTES = 16;
/** Fewer addresses that malloc and free share are no sign of anything. */
const LEAST_SHARED = 3;
/** How far below malloc and free the functions are that do their work, and how far below what wraps those. */
const DEPTH = 2;
export const WRAPPED_DEPTH = 3;

/** The static variables of an allocator. */
export interface AllocatorState {
  readonly first: number;
  readonly last: number;
  readonly addresses: ReadonlySet<number>;
  /** The lowest one that malloc names near the others: where they begin, which may be handed on as a whole. */
  readonly base: number;
}

/** The addresses that functions name, and those that they call, so many calls deep, without what some of them do. */
function addressesBelow(
  facts: CodeFacts,
  functions: readonly number[],
  depth: number,
  without: ReadonlySet<number>,
): Set<number> {
  const seen = new Set([...functions, ...without]);
  let level = [...functions];
  for (let left = depth; left > 0; left--) {
    const next = new Set<number>();
    for (const index of level) for (const callee of facts.calleesOf(index)) if (!seen.has(callee)) next.add(callee);
    for (const index of next) seen.add(index);
    level = [...next];
  }
  const addresses = new Set<number>();
  for (const index of seen) {
    if (!without.has(index)) for (const address of facts.addressesOf(index)) addresses.add(address);
  }
  return addresses;
}

/** The most addresses that lie within so many bytes of each other, of a sorted list. */
function densest(sorted: readonly number[]): readonly number[] {
  let [from, best, bestFrom] = [0, 0, 0];
  for (let to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= STATE_BYTES) from++;
    if (to - from + 1 > best) [best, bestFrom] = [to - from + 1, from];
  }
  return sorted.slice(bestFrom, bestFrom + best);
}

/** Functions that are malloc and free, or wrap them. */
export interface Entries {
  readonly mallocs: readonly number[];
  readonly frees: readonly number[];
  /** Whether malloc or free is only below them. */
  readonly areWrappers: boolean;
}

/**
 * What may be the allocator's variables: what malloc and free both name, close together, the nearest first. None where
 * they share too little, as those do that keep their state elsewhere. O(code that they lead to).
 */
export function* findStates(facts: CodeFacts, { mallocs, frees, areWrappers }: Entries): Generator<AllocatorState> {
  const without = areWrappers ? sharedInitializers(facts, mallocs, frees) : new Set<number>();
  for (let depth = 0; depth <= (areWrappers ? WRAPPED_DEPTH : DEPTH); depth++) {
    const ofMalloc = addressesBelow(facts, mallocs, depth, without);
    const ofFree = addressesBelow(facts, frees, depth, without);
    const shared = densest([...ofFree].filter((address) => ofMalloc.has(address)).sort((one, other) => one - other));
    if (shared.length < LEAST_SHARED) continue;
    const [first, last] = [shared[0]!, shared.at(-1)!];
    const addresses = new Set([...ofMalloc, ...ofFree].filter((address) => address >= first && address <= last));
    let base = first;
    for (const address of ofMalloc) if (address >= first - BASE_REACH_BYTES) base = Math.min(base, address);
    yield { first, last, addresses, base };
  }
}

/** What wrappers of malloc and of free both call with nothing, for nothing: it initializes the program. */
function sharedInitializers(facts: CodeFacts, mallocs: readonly number[], frees: readonly number[]): Set<number> {
  const ofFree = new Set(frees.flatMap((index) => [...facts.calleesOf(index)]));
  const shared = mallocs.flatMap((index) => [...facts.calleesOf(index)]).filter((index) => ofFree.has(index));
  const takesNothing = (index: number): boolean => {
    const type = facts.module.typeOf(index);
    return type?.params.length === 0 && type.results.length === 0;
  };
  return new Set(shared.filter(takesNothing));
}

/** A malloc and a free that share more variables than any others; undefined where none share enough. */
export interface EntryPair {
  readonly malloc: number;
  readonly free: number;
}

/** Of the functions that might be malloc or free, only so many that use the most variables are compared. */
const MOST_CANDIDATES = 64;
/** As many variables as that dlmalloc's two functions share, and hardly two others that fit. */
const LEAST_OF_PAIR = 8;

function withMostAddresses(facts: CodeFacts, functions: readonly number[]): [number, ReadonlySet<number>][] {
  return functions
    .map((index): [number, ReadonlySet<number>] => [index, facts.addressesOf(index)])
    .filter(([, addresses]) => addresses.size >= LEAST_OF_PAIR)
    .sort(([, one], [, other]) => other.size - one.size)
    .slice(0, MOST_CANDIDATES);
}

/**
 * Finds malloc and free by nothing but what they do: the two that share the most variables, one of which takes a size
 * and returns an address, and the other reads the header of the address that it gets. Undefined where two pairs do.
 */
export function findPair(
  facts: CodeFacts,
  candidates: { readonly mallocs: readonly number[]; readonly frees: readonly number[] },
): EntryPair | undefined {
  const mallocs = withMostAddresses(facts, candidates.mallocs);
  const frees = withMostAddresses(facts, candidates.frees);
  let best: EntryPair | undefined;
  let [bestCount, isUnique] = [LEAST_OF_PAIR - 1, true];
  for (const [free, ofFree] of frees) {
    for (const [malloc, ofMalloc] of mallocs) {
      const shared = [...ofFree].filter((address) => ofMalloc.has(address)).sort((one, other) => one - other);
      const count = densest(shared).length;
      if (count < bestCount || count < LEAST_OF_PAIR) continue;
      isUnique = count > bestCount;
      [best, bestCount] = [{ malloc, free }, count];
    }
  }
  return isUnique ? best : undefined;
}

/** The functions that name one of an allocator's variables. O(addresses in the code). */
export function accessorsOf(facts: CodeFacts, { addresses, base }: AllocatorState): number[] {
  const found: number[] = [];
  const { importedFunctionCount, functionTypes } = facts.module;
  for (let index = importedFunctionCount; index < functionTypes.length; index++) {
    if (facts.namesOneOf(index, addresses, base)) found.push(index);
  }
  return found;
}
