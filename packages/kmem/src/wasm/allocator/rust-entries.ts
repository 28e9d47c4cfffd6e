import { Op } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import type { FlowValue } from "../code/flow-uses.ts";
import { ValueFlow } from "../code/value-flow.ts";
import type { AllocatorBodies } from "./bodies.ts";
import { comparesArgument, isSame } from "./entry-behaviour.ts";
import type { Role } from "./roles.ts";

/** What a wrapper of wasm-bindgen's leads to. */
type WrappedRole = "malloc" | "realloc" | "free";

/** A function of Rust's allocator, and what calls it. */
export interface RustEntry {
  readonly role: Role;
  readonly functionIndex: number;
  readonly caller: number;
}

/** What a wrapper calls. */
interface Called {
  readonly role: Role;
  /** Which of the wrapper's own parameters it hands on as they are, in order; undefined for the alignment. */
  readonly handed: readonly (number | undefined)[];
  /** The parameter that newer wrappers have for the alignment, which they test; in older ones that is a constant. */
  readonly alignment: number;
}

/** What the wrappers call: which function of Rust's, and with what. */
const CALLED: Readonly<Record<WrappedRole, Called>> = {
  malloc: { role: "rust_alloc", handed: [0, undefined], alignment: 1 },
  realloc: { role: "rust_realloc", handed: [0, 1, undefined, 2], alignment: 3 },
  free: { role: "rust_dealloc", handed: [0, 1, undefined], alignment: 2 },
};
/** So many functions may do nothing but call the next one: the allocator's symbol, the standard library's. */
const MOST_FORWARDING = 4;
/** Where rust_alloc has its alignment, and what it compares it with: what malloc's blocks have anyway, or one more. */
const ALIGNMENT = 1;
const USUAL_ALIGNMENTS: ReadonlySet<number> = new Set([8, 9, 16, 17]);
/** No wrapper is longer. */
const MOST_BYTES = 1024;

/**
 * The functions of Rust's allocator that wasm-bindgen's wrappers call, and those that these forward to: below is all of
 * the allocator. None that do something besides, or that are handed by anybody what is no alignment. O(code).
 */
export function rustEntries(
  facts: CodeFacts,
  wrappers: ReadonlyMap<Role, readonly number[]>,
  bodies: AllocatorBodies,
): RustEntry[] {
  // Many wrappers may call one function.
  const known = new Map<number, boolean>();
  const comparing = (index: number): boolean => {
    if (!known.has(index)) known.set(index, comparesAlignment(facts, index));
    return known.get(index)!;
  };
  const chains = (Object.keys(CALLED) as WrappedRole[])
    .flatMap((leads) => (wrappers.get(leads) ?? []).map((wrapper) => entriesBelow(facts, wrapper, leads, comparing)))
    .filter((chain) => chain.every(({ functionIndex }) => bodies.onlyAllocates(functionIndex)));
  const allocs = chains.flat().filter(({ role }) => role === "rust_alloc");
  const misaligned = handedOther(facts, new Set(allocs.map(({ functionIndex }) => functionIndex)));
  return chains.filter((chain) => !chain.some(({ functionIndex }) => misaligned.has(functionIndex))).flat();
}

function entriesBelow(
  facts: CodeFacts,
  wrapper: number,
  leads: WrappedRole,
  comparing: (functionIndex: number) => boolean,
): RustEntry[] {
  const called = CALLED[leads];
  const takers = [...facts.calleesOf(wrapper)].filter((index) => facts.module.typeOf(index)?.params.length !== 0);
  if (takers.length !== 1) return [];
  const entries: RustEntry[] = [];
  let [caller, index]: [number, number | undefined] = [wrapper, takers[0]];
  while (index !== undefined && entries.length < MOST_FORWARDING) {
    entries.push({ role: called.role, functionIndex: index, caller });
    [caller, index] = [index, forwardsTo(facts, index)];
  }
  // Older wrappers may compute it: 4 where the size is one, else 0.
  const isAny = called.role === "rust_alloc" && comparing(entries.at(-1)!.functionIndex);
  return hands(facts, wrapper, called, isAny) ? entries : [];
}

function comparesAlignment(facts: CodeFacts, functionIndex: number): boolean {
  if (functionIndex < facts.module.importedFunctionCount) return false;
  return comparesArgument(facts, functionIndex, ALIGNMENT, (constant) => USUAL_ALIGNMENTS.has(constant));
}

/** Whether all that a wrapper hands on is what it should: these of its parameters as they are, and an alignment. */
function hands(
  facts: CodeFacts,
  functionIndex: number,
  { handed, alignment }: Called,
  isAnyAlignment: boolean,
): boolean {
  if (!facts.isShort(functionIndex, MOST_BYTES)) return false;
  const flow = new ValueFlow(facts, functionIndex);
  const { handedOn } = flow.uses;
  if (flow.isUnsure || handedOn.length !== handed.length) return false;
  const count = facts.module.typeOf(functionIndex)!.params.length;
  const isRight = (value: FlowValue, parameter: number | undefined): boolean =>
    parameter === undefined
      ? isAnyAlignment || isAlignment(flow, value, alignment < count ? alignment : undefined)
      : parameter < count && isSame(value, flow.parameter(parameter));
  return handed.every((parameter, place) => isRight(handedOn[place]!, parameter));
}

/** Whether a value is a constant power of two, or the parameter, for which a constant may stand. */
function isAlignment(flow: ValueFlow, value: FlowValue, parameter: number | undefined): boolean {
  const ancestors = flow.ancestorsOf(value);
  if (ancestors.length === 0) return flow.isConstant(value) && isPowerOfTwo(value.plus);
  if (parameter === undefined) return false;
  const given = flow.parameter(parameter);
  return (
    ancestors.some((one) => isSame(one, given)) && ancestors.every((one) => isSame(one, given) || isSame(one, value))
  );
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}

/** Those of the functions that something hands a constant last that is no power of two, and so no alignment. O(code). */
function handedOther(facts: CodeFacts, functions: ReadonlySet<number>): Set<number> {
  const found = new Set<number>();
  for (const caller of facts.callersOf(functions)) {
    const reader = facts.readerOf(caller);
    let constant: number | undefined;
    while (!reader.isDone) {
      reader.next();
      const { opcode, value } = reader;
      const isCall = opcode === Op.CALL || opcode === Op.RETURN_CALL;
      if (isCall && functions.has(value) && constant !== undefined && !isPowerOfTwo(constant)) found.add(value);
      constant = opcode === Op.I32_CONST ? value : undefined;
    }
  }
  return found;
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
