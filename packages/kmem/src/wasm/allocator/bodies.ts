import { Op } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { ValueFlow } from "../code/value-flow.ts";
import type { AllocatorState } from "./state.ts";

/** No entry of an allocator leads to more functions of its own. */
const MOST_BELOW = 64;
/** Instructions that keep something outside of the memory, or run what nobody knows. */
const FOREIGN: ReadonlySet<number> = new Set([
  Op.GLOBAL_SET,
  Op.CALL_INDIRECT,
  Op.RETURN_CALL_INDIRECT,
  Op.CALL_REF,
  Op.RETURN_CALL_REF,
]);

/**
 * Tells functions that do nothing but allocate from those that also count, record or hand on: what replaces a function
 * does only the first. What a found function leads to is the allocator's.
 */
export class AllocatorBodies {
  readonly #facts: CodeFacts;
  readonly #state: AllocatorState | undefined;
  /** The allocator's functions that are known, and the variables that they name. */
  readonly #known: ReadonlySet<number>;
  readonly #variables: ReadonlySet<number>;
  /** By function, what it calls; undefined for one that does something else than to allocate. */
  readonly #quiet = new Map<number, ReadonlySet<number> | undefined>();

  /** O(code that the functions lead to). */
  constructor(facts: CodeFacts, found: Iterable<number>, state: AllocatorState | undefined) {
    this.#facts = facts;
    this.#state = state;
    const known = new Set(found);
    for (const index of known) for (const callee of returningCalls(facts, index)) known.add(callee);
    this.#known = known;
    this.#variables = new Set([...known].flatMap((index) => [...facts.addressesOf(index)]));
  }

  /** Whether a function, with all that it calls, changes nothing but blocks and the allocator's variables. */
  onlyAllocates(functionIndex: number): boolean {
    const below = new Set([functionIndex]);
    for (const index of below) {
      const callees = below.size > MOST_BELOW ? undefined : this.#quietCallees(index);
      if (callees === undefined) return false;
      for (const callee of callees) if (!this.#known.has(callee)) below.add(callee);
    }
    return true;
  }

  #quietCallees(functionIndex: number): ReadonlySet<number> | undefined {
    if (!this.#quiet.has(functionIndex)) {
      const callees = this.#looksQuiet(functionIndex) ? returningCalls(this.#facts, functionIndex) : undefined;
      this.#quiet.set(functionIndex, callees);
    }
    return this.#quiet.get(functionIndex);
  }

  #looksQuiet(functionIndex: number): boolean {
    if (functionIndex < this.#facts.module.importedFunctionCount) return false;
    if (this.#facts.hasOpcode(functionIndex, (opcode) => FOREIGN.has(opcode))) return false;
    const flow = new ValueFlow(this.#facts, functionIndex);
    const isOther = ({ value, isStore }: (typeof flow.uses.addresses)[number]): boolean =>
      isStore && flow.isConstant(value) && !this.#isVariable(value.plus);
    return !flow.isUnsure && !flow.uses.addresses.some(isOther);
  }

  #isVariable(address: number): boolean {
    const { first, last } = this.#state ?? { first: 1, last: 0 };
    return (address >= first && address <= last) || this.#variables.has(address);
  }
}

/** The functions that a function calls, without those that never return: they end the program with a message. */
function returningCalls(facts: CodeFacts, functionIndex: number): Set<number> {
  const found = new Set<number>();
  if (functionIndex < facts.module.importedFunctionCount) return found;
  const reader = facts.readerOf(functionIndex);
  let called: number | undefined;
  while (!reader.isDone) {
    reader.next();
    if (called !== undefined && reader.opcode !== Op.UNREACHABLE) found.add(called);
    called = reader.opcode === Op.CALL ? reader.value : undefined;
    if (reader.opcode === Op.RETURN_CALL) found.add(reader.value);
  }
  return found;
}
