import type { CodeFacts } from "../code/code-facts.ts";
import { FunctionCode } from "../code/function-code.ts";

/** No function that only says what is wrong is longer. */
const PANIC_BYTES = 4096;

const KNOWN: WeakMap<CodeFacts, Map<number, boolean>> = /* @__PURE__ */ new WeakMap();

/**
 * Whether a function of the module, none that it imports, never returns by its own code: it ends in a trap, whatever it
 * calls before. O(1), each once O(its code).
 */
export function isPanic(facts: CodeFacts, functionIndex: number): boolean {
  let known = KNOWN.get(facts);
  if (known === undefined) {
    known = new Map();
    KNOWN.set(facts, known);
  }
  let is = known.get(functionIndex);
  if (is === undefined) {
    is = facts.isShort(functionIndex, PANIC_BYTES) && new FunctionCode(facts, functionIndex).neverReturns();
    known.set(functionIndex, is);
  }
  return is;
}
