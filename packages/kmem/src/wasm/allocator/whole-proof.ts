import type { CodeFacts } from "../code/code-facts.ts";
import { chunkReaders } from "./chunk-readers.ts";
import type { Finder } from "./find-allocator.ts";
import { type LeftFunction, type Proof, Prover } from "./replacement-proof.ts";

/** Says the name of a function, where the module has one. */
type NameOf = (functionIndex: number) => string | undefined;

/**
 * Proves that nothing is left of the old allocator. Where something is, and wasm-bindgen's wrappers lead to functions
 * of Rust's, these are replaced too: what was left may only have been below them. O(code).
 */
export function proveWhole(facts: CodeFacts, finder: Finder, vouched: ReadonlySet<number>, nameOf: NameOf): Proof {
  const prove = (): Proof => new Prover(facts, finder, vouched).prove(nameOf);
  if (!finder.hasWrappers) return prove();
  const first = withReaders(prove(), facts, finder, { readers: chunkReaders(facts, finder), vouched, nameOf });
  if (first.left.length === 0 || !finder.addRustEntries()) return first;
  const readers = chunkReaders(facts, finder);
  finder.addZeroing(callersOf(facts, finder, first.reachable, readers), readers);
  return withReaders(prove(), facts, finder, { readers, vouched, nameOf });
}

/** What is looked for besides. */
interface Besides {
  readonly readers: ReadonlySet<number>;
  readonly vouched: ReadonlySet<number>;
  readonly nameOf: NameOf;
}

/** A proof and what it does not see: without inlining it is not the program's functions that read headers. */
function withReaders(proof: Proof, facts: CodeFacts, finder: Finder, { readers, vouched, nameOf }: Besides): Proof {
  const seen = new Set(proof.left.map(({ functionIndex }) => functionIndex));
  const isNew = (index: number): boolean => !vouched.has(index) && !seen.has(index);
  const using = callersOf(facts, finder, proof.reachable, readers).filter(isNew);
  const callers = new Map(using.map((index): [number, number[]] => [index, []]));
  for (const index of proof.reachable) for (const callee of facts.calleesOf(index)) callers.get(callee)?.push(index);
  const left = using.map((functionIndex): LeftFunction => {
    return { functionIndex, name: nameOf(functionIndex), uses: "header", callers: callers.get(functionIndex)! };
  });
  // An initializer that is called harmless has met no block, but what looks at chunks has.
  const harmless = proof.harmless.filter(({ functionIndex }) => !callers.has(functionIndex));
  return { ...proof, harmless, left: [...proof.left, ...left] };
}

/** What is kept of the program and calls one of these functions, which are the allocator's. */
function callersOf(
  facts: CodeFacts,
  { found }: Finder,
  reachable: ReadonlySet<number>,
  readers: ReadonlySet<number>,
): number[] {
  const isKept = (index: number): boolean => reachable.has(index) && !found.has(index) && !readers.has(index);
  return [...facts.callersOf(readers)].filter(isKept);
}
