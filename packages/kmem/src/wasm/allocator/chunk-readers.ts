import { Op, Type } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import type { FlowValue } from "../code/flow-uses.ts";
import { ValueFlow } from "../code/value-flow.ts";
import type { Finder } from "./find-allocator.ts";
import type { Role } from "./roles.ts";

/** What is handed a block first. */
const HANDED_BLOCKS: readonly Role[] = ["free", "realloc", "rust_dealloc", "rust_realloc"];
/** Of a function with more such calls each callee is taken for one. */
const MOST_CALLS = 256;

/**
 * What an allocator calls to look at a block or the chunk around it, where that was not inlined: functions that free or
 * realloc hands its block, or that load from what it has made of it. Those that round sizes are none. O(code of these).
 */
export function chunkReaders(facts: CodeFacts, finder: Finder): Set<number> {
  const readers = new Set<number>();
  for (const index of finder.withRole(...HANDED_BLOCKS)) {
    const isCandidate = (callee: number): boolean => !finder.found.has(callee) && takesAddress(facts, callee);
    const callees = new Set([...facts.calleesOf(index)].filter(isCandidate));
    for (const callee of callees.size === 0 ? [] : readersOf(facts, index, callees)) readers.add(callee);
  }
  return readers;
}

function readersOf(facts: CodeFacts, functionIndex: number, callees: ReadonlySet<number>): Iterable<number> {
  const flow = new ValueFlow(facts, functionIndex);
  const calls = flow.uses.calls.filter(({ callee }) => callees.has(callee));
  if (flow.isUnsure || calls.length > MOST_CALLS) return callees;
  const parameters = facts.module.typeOf(functionIndex)!.params.map((_, index) => flow.parameter(index).origin);
  const isRead = ({ callee, given }: (typeof calls)[number]): boolean => {
    const origins = new Set(flow.ancestorsOf(given[0]!).map(({ origin }: FlowValue) => origin));
    if (origins.has(parameters[0]!)) return true;
    return !flow.isConstant(given[0]!) && !parameters.some((one) => origins.has(one)) && loads(facts, callee);
  };
  return calls.filter(isRead).map(({ callee }) => callee);
}

function takesAddress(facts: CodeFacts, functionIndex: number): boolean {
  const type = facts.module.typeOf(functionIndex);
  const isDefined = functionIndex >= facts.module.importedFunctionCount;
  return isDefined && `${type?.params}:${type?.results}` === `${Type.I32}:${Type.I32}`;
}

function loads(facts: CodeFacts, functionIndex: number): boolean {
  return facts.hasOpcode(functionIndex, (opcode) => opcode >= Op.I32_LOAD && opcode < Op.FIRST_STORE);
}
