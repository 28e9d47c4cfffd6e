import type { Role } from "./allocator-roles.ts";
import type { CodeFacts } from "./code-facts.ts";
import { Op, Type } from "./layout.ts";
import { ValueFlow } from "./value-flow.ts";

/** What a wrapper of wasm-bindgen's leads to. */
type WrappedRole = "malloc" | "realloc" | "free";

/** A function of Rust's allocator, and what calls it. */
export interface RustEntry {
  readonly role: Role;
  readonly functionIndex: number;
  readonly caller: number;
}

/**
 * What the wrappers call: which function of Rust's, and which of their own parameters they hand it as they are, in its
 * order. The missing one is the alignment: a constant in older wrappers, and in newer ones a parameter that is tested.
 */
const CALLED: Readonly<Record<WrappedRole, { readonly role: Role; readonly handed: readonly (number | undefined)[] }>> =
  {
    malloc: { role: "rust_alloc", handed: [0, undefined] },
    realloc: { role: "rust_realloc", handed: [0, 1, undefined, 2] },
    free: { role: "rust_dealloc", handed: [0, 1, undefined] },
  };
/** So many functions may do nothing but call the next one: the allocator's symbol, the standard library's. */
const MOST_FORWARDING = 4;
/** No wrapper is longer, and nothing that allocates and then clears. */
const MOST_BYTES = 1024;

/**
 * The functions of Rust's allocator that wasm-bindgen's wrappers call, and those that these forward to: below is all of
 * the allocator. O(code of the wrappers).
 */
export function rustEntries(facts: CodeFacts, wrappers: ReadonlyMap<Role, readonly number[]>): RustEntry[] {
  return (Object.keys(CALLED) as WrappedRole[]).flatMap((leads) =>
    (wrappers.get(leads) ?? []).flatMap((wrapper) => entriesBelow(facts, wrapper, leads)),
  );
}

function entriesBelow(facts: CodeFacts, wrapper: number, leads: WrappedRole): RustEntry[] {
  const { role, handed } = CALLED[leads];
  const takers = [...facts.calleesOf(wrapper)].filter((index) => facts.module.typeOf(index)?.params.length !== 0);
  const [called] = takers;
  if (called === undefined || takers.length > 1 || !hands(facts, wrapper, handed)) return [];
  const entries: RustEntry[] = [];
  let [caller, index]: [number, number | undefined] = [wrapper, called];
  while (index !== undefined && entries.length < MOST_FORWARDING) {
    entries.push({ role, functionIndex: index, caller });
    [caller, index] = [index, forwardsTo(facts, index)];
  }
  return entries;
}

/** Whether all that a function hands on is so many values, and these of its parameters among them as they are. */
function hands(facts: CodeFacts, functionIndex: number, handed: readonly (number | undefined)[]): boolean {
  if (isLong(facts, functionIndex)) return false;
  const flow = new ValueFlow(facts, functionIndex);
  const { handedOn } = flow.uses;
  if (flow.isUnsure || handedOn.length !== handed.length) return false;
  return handed.every((parameter, place) => parameter === undefined || isParameter(flow, handedOn[place]!, parameter));
}

/** Whether a function is too long to be what is looked for, or an import. */
function isLong({ module }: CodeFacts, functionIndex: number): boolean {
  const defined = functionIndex - module.importedFunctionCount;
  return defined < 0 || module.bodyEnds[defined]! - module.bodyStarts[defined]! > MOST_BYTES;
}

function isParameter(flow: ValueFlow, value: { origin: number; plus: number }, parameter: number): boolean {
  const { origin, plus } = flow.parameter(parameter);
  return value.origin === origin && value.plus === plus;
}

/** The function that another one calls with its own parameters, if it does nothing else. */
function forwardsTo(facts: CodeFacts, functionIndex: number): number | undefined {
  if (functionIndex < facts.module.importedFunctionCount) return undefined;
  const count = facts.module.typeOf(functionIndex)?.params.length ?? 0;
  const reader = facts.readerOf(functionIndex);
  const steps: { readonly opcode: number; readonly value: number }[] = [];
  while (!reader.isDone && steps.length <= count + 2) {
    reader.next();
    steps.push({ opcode: reader.opcode, value: reader.value });
  }
  const [call, end] = steps.slice(count);
  const areParameters = steps
    .slice(0, count)
    .every(({ opcode, value }, index) => opcode === Op.LOCAL_GET && value === index);
  const isAll = areParameters && call?.opcode === Op.CALL && end?.opcode === Op.END && steps.length === count + 2;
  return isAll ? call.value : undefined;
}

/** What an allocator calls to look at a block or the chunk around it, where that was not inlined. */
export function chunkHelpers(facts: CodeFacts, found: ReadonlyMap<number, unknown>): Set<number> {
  const helpers = new Set<number>();
  for (const index of found.keys()) {
    for (const callee of facts.calleesOf(index)) {
      if (!found.has(callee) && takesAddress(facts, callee)) helpers.add(callee);
    }
  }
  return helpers;
}

function takesAddress(facts: CodeFacts, functionIndex: number): boolean {
  const type = facts.module.typeOf(functionIndex);
  const isDefined = functionIndex >= facts.module.importedFunctionCount;
  return isDefined && `${type?.params}:${type?.results}` === `${Type.I32}:${Type.I32}`;
}

/** Whether a function hands its two parameters to one of these, which allocate: a size and an alignment. O(code). */
export function allocatesAsTold(facts: CodeFacts, functionIndex: number, allocs: ReadonlySet<number>): boolean {
  if (![...facts.calleesOf(functionIndex)].some((callee) => allocs.has(callee))) return false;
  if (isLong(facts, functionIndex)) return false;
  const flow = new ValueFlow(facts, functionIndex);
  const { handedOn } = flow.uses;
  const isFirst = handedOn.length >= 2 && [0, 1].every((place) => isParameter(flow, handedOn[place]!, place));
  return !flow.isUnsure && isFirst;
}
