import { Op } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { POPS } from "../code/operand-stack.ts";

/** A helper has no more instructions, with those of the helpers that it calls. */
const MOST_INSTRUCTIONS = 48;
/** No helper takes more bytes. */
const MOST_BYTES = 96;
const NO_HELPER = Number.POSITIVE_INFINITY;

/** How many instructions the helpers of a module have, as far as that was asked for. */
const SIZES: WeakMap<CodeFacts, Map<number, number>> = /* @__PURE__ */ new WeakMap();

/**
 * Whether a function only computes its result from its arguments and what it loads, straight on: what an optimizer for
 * size has not inlined, as "where the chunk of this block begins" and "how large it is". O(1), each once O(its code).
 */
export function isHelper(facts: CodeFacts, functionIndex: number): boolean {
  let sizes = SIZES.get(facts);
  if (sizes === undefined) {
    sizes = new Map();
    SIZES.set(facts, sizes);
  }
  return new Measuring(facts, sizes).sizeOf(functionIndex, 0) <= MOST_INSTRUCTIONS;
}

/** Measures one function, and those that it calls. */
class Measuring {
  readonly #facts: CodeFacts;
  readonly #sizes: Map<number, number>;
  /** Whether calls go deeper than those of any helper, each of which has an instruction of its own. */
  #isTooDeep = false;

  constructor(facts: CodeFacts, sizes: Map<number, number>) {
    this.#facts = facts;
    this.#sizes = sizes;
  }

  sizeOf(functionIndex: number, depth: number): number {
    const known = this.#sizes.get(functionIndex);
    if (known !== undefined) return known;
    if (depth > MOST_INSTRUCTIONS) {
      this.#isTooDeep = true;
      return NO_HELPER;
    }
    // One that calls itself is none.
    this.#sizes.set(functionIndex, NO_HELPER);
    const size = this.#measured(functionIndex, depth);
    // What is too deep for the first one need not be for those that it calls.
    if (this.#isTooDeep && depth > 0) this.#sizes.delete(functionIndex);
    else this.#sizes.set(functionIndex, size);
    return size;
  }

  #measured(functionIndex: number, depth: number): number {
    const facts = this.#facts;
    const type = facts.module.typeOf(functionIndex);
    if (type?.results.length !== 1 || type.params.length === 0) return NO_HELPER;
    if (!facts.isShort(functionIndex, MOST_BYTES)) return NO_HELPER;
    const reader = facts.readerOf(functionIndex);
    let size = 0;
    while (!reader.isDone && size <= MOST_INSTRUCTIONS) {
      reader.next();
      const { opcode, value } = reader;
      size += opcode === Op.CALL ? this.sizeOf(value, depth + 1) : 1;
      if (opcode === Op.END) return reader.isDone ? size : NO_HELPER;
      if (opcode !== Op.CALL && !onlyComputes(opcode)) return NO_HELPER;
    }
    return NO_HELPER;
  }
}

/** Whether an instruction loads, computes or moves values, and nothing else. */
function onlyComputes(opcode: number): boolean {
  if (opcode >= Op.LOCAL_GET && opcode <= Op.LOCAL_TEE) return true;
  if (opcode >= Op.I32_LOAD && opcode < Op.FIRST_STORE) return true;
  if (opcode >= Op.I32_CONST && opcode <= Op.F64_CONST) return true;
  return POPS[opcode]! > 0 || opcode === Op.SELECT || opcode === Op.DROP || opcode === Op.NOP;
}
