import type { CodeFacts } from "./code-facts.ts";
import { Op } from "./layout.ts";
import { POPS } from "./operand-stack.ts";

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
  return sizeOf(facts, functionIndex, sizes) <= MOST_INSTRUCTIONS;
}

function sizeOf(facts: CodeFacts, functionIndex: number, sizes: Map<number, number>): number {
  const known = sizes.get(functionIndex);
  if (known !== undefined) return known;
  // One that calls itself is none.
  sizes.set(functionIndex, NO_HELPER);
  const size = measured(facts, functionIndex, sizes);
  sizes.set(functionIndex, size);
  return size;
}

function measured(facts: CodeFacts, functionIndex: number, sizes: Map<number, number>): number {
  const type = facts.module.typeOf(functionIndex);
  if (type?.results.length !== 1 || type.params.length === 0) return NO_HELPER;
  if (!facts.isShort(functionIndex, MOST_BYTES)) return NO_HELPER;
  const reader = facts.readerOf(functionIndex);
  let size = 0;
  while (!reader.isDone && size <= MOST_INSTRUCTIONS) {
    reader.next();
    const { opcode, value } = reader;
    size += opcode === Op.CALL ? sizeOf(facts, value, sizes) : 1;
    if (opcode === Op.END) return reader.isDone ? size : NO_HELPER;
    if (opcode !== Op.CALL && !isStraight(opcode)) return NO_HELPER;
  }
  return NO_HELPER;
}

/** Whether an instruction loads, computes or moves values, and nothing else. */
function isStraight(opcode: number): boolean {
  if (opcode >= Op.LOCAL_GET && opcode <= Op.LOCAL_TEE) return true;
  if (opcode >= Op.I32_LOAD && opcode < Op.FIRST_STORE) return true;
  if (opcode >= Op.I32_CONST && opcode <= Op.F64_CONST) return true;
  return POPS[opcode]! > 0 || opcode === Op.SELECT || opcode === Op.DROP || opcode === Op.NOP;
}
