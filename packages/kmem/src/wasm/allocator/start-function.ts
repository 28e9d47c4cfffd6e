import { Op } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import type { Finder } from "./find-allocator.ts";

const INDIRECT_CALLS: readonly number[] = [Op.CALL_INDIRECT, Op.RETURN_CALL_INDIRECT, Op.CALL_REF, Op.RETURN_CALL_REF];

/**
 * Whether the start function of a module may come to a function of its allocator. An engine runs it before anybody has
 * the module's exports, which is where a memory of its own is. O(code).
 */
export function startMayAllocate(facts: CodeFacts, finder: Finder): boolean {
  const { startFunction, roots } = facts.module;
  if (startFunction === undefined) return false;
  const reached = new Set([startFunction]);
  const waiting = [startFunction];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    if (finder.found.has(index)) return true;
    const called = callsIndirectly(facts, index) ? [...facts.calleesOf(index), ...roots] : facts.calleesOf(index);
    for (const callee of called) {
      if (reached.has(callee)) continue;
      reached.add(callee);
      waiting.push(callee);
    }
  }
  return false;
}

function callsIndirectly(facts: CodeFacts, functionIndex: number): boolean {
  if (functionIndex < facts.module.importedFunctionCount) return false;
  const reader = facts.readerOf(functionIndex);
  while (!reader.isDone) {
    reader.next();
    if (INDIRECT_CALLS.includes(reader.opcode)) return true;
  }
  return false;
}
