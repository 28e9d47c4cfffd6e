import { Op } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import type { FlowValue } from "../code/flow-uses.ts";
import { POPS } from "../code/operand-stack.ts";
import { ValueFlow } from "../code/value-flow.ts";
import { isSame } from "./entry-behaviour.ts";

/** Nothing that allocates and then clears is longer. */
const MOST_BYTES = 1024;
const MEMORY_FILL = 11;
/** memset takes an address, a byte and a size. */
const MEMSET_ARGUMENTS = 3;
/** What rust_alloc takes. */
const [SIZE, ALIGNMENT] = [0, 1];
const CONTROL: ReadonlySet<number> = new Set([Op.BLOCK, Op.IF, Op.ELSE, Op.END, Op.BR, Op.BR_IF, Op.RETURN]);
const PLAIN: ReadonlySet<number> = new Set([Op.CALL, Op.I32_CONST, Op.DROP, Op.SELECT, Op.NOP]);

/** The allocator's functions that one that clears calls. */
export interface ZeroingCallees {
  readonly allocs: ReadonlySet<number>;
  /** What looks at the chunk, to learn whether its bytes are zeros already. */
  readonly readers: ReadonlySet<number>;
}

/**
 * Whether a function hands its size and alignment to what allocates, looks at the chunk of the block by functions of
 * the allocator's, clears as many bytes of it, returns it, and does nothing else. O(code).
 */
export function allocatesZeros(facts: CodeFacts, functionIndex: number, callees: ZeroingCallees): boolean {
  const { allocs, readers } = callees;
  if (![...facts.calleesOf(functionIndex)].some((callee) => allocs.has(callee))) return false;
  if (!facts.isShort(functionIndex, MOST_BYTES) || !isPlain(facts, functionIndex)) return false;
  const flow = new ValueFlow(facts, functionIndex);
  const { addresses, calls, handedOn, results } = flow.uses;
  const [allocating, ...others] = calls;
  const looking = others.filter(({ callee }) => readers.has(callee));
  const clearing = others.filter(({ callee }) => !readers.has(callee));
  const [looked] = looking;
  if (flow.isUnsure || addresses.length > 0 || allocating === undefined || looked === undefined) return false;
  if (!allocs.has(allocating.callee) || handedOn.length !== 2 + looking.length + MEMSET_ARGUMENTS) return false;
  if (clearing.length > 1 || !clearing.every(({ callee }) => isMemset(facts, callee))) return false;
  // What is looked at first is made of nothing but the block.
  const block = looked.given[0]!;
  const size = flow.parameter(SIZE);
  const isBlock = (value: FlowValue): boolean => isSame(value, block);
  return (
    isSame(allocating.given[SIZE]!, size) &&
    isSame(allocating.given[ALIGNMENT]!, flow.parameter(ALIGNMENT)) &&
    !flow.isConstant(block) &&
    [SIZE, ALIGNMENT].every((index) => flow.parameter(index).origin !== block.origin) &&
    clears(flow, block, size) &&
    results.some(isBlock) &&
    results.every((result) => isBlock(result) || isZero(flow, result))
  );
}

/** Whether the three values in a row that begin with a zero after the block, and end with its size, were handed on. */
function clears(flow: ValueFlow, block: FlowValue, size: FlowValue): boolean {
  const { handedOn } = flow.uses;
  return handedOn.some((value, place) => {
    const isCleared = isSame(value, block) && handedOn[place + 1] !== undefined && isZero(flow, handedOn[place + 1]!);
    return isCleared && handedOn[place + 2] !== undefined && isSame(handedOn[place + 2]!, size);
  });
}

function isZero(flow: ValueFlow, value: FlowValue): boolean {
  return value.plus === 0 && flow.isConstant(value) && flow.ancestorsOf(value).length === 0;
}

/** Whether a function only computes, calls and fills memory, straight on. */
function isPlain(facts: CodeFacts, functionIndex: number): boolean {
  const reader = facts.readerOf(functionIndex);
  while (!reader.isDone) {
    reader.next();
    const { opcode, prefixed } = reader;
    const isLocal = opcode >= Op.LOCAL_GET && opcode <= Op.LOCAL_TEE;
    const isFill = opcode === Op.MISC_PREFIX && prefixed === MEMORY_FILL;
    const isComputing = POPS[opcode]! > 0 && (opcode < Op.I32_LOAD || opcode > Op.MEMORY_GROW);
    if (!isLocal && !isFill && !isComputing && !CONTROL.has(opcode) && !PLAIN.has(opcode)) return false;
  }
  return true;
}

/** Whether a function may be memset: it loads and calls nothing, stores to no fixed address, and returns the first. */
function isMemset(facts: CodeFacts, functionIndex: number): boolean {
  if (!facts.isShort(functionIndex, MOST_BYTES)) return false;
  const flow = new ValueFlow(facts, functionIndex);
  const { addresses, calls, results } = flow.uses;
  const isOther = ({ value, isStore }: (typeof addresses)[number]): boolean => !isStore || flow.isConstant(value);
  if (flow.isUnsure || calls.length > 0 || addresses.some(isOther) || results.length === 0) return false;
  return results.every((result) => isSame(result, flow.parameter(0))) && !changesGlobals(facts, functionIndex);
}

function changesGlobals(facts: CodeFacts, functionIndex: number): boolean {
  const reader = facts.readerOf(functionIndex);
  while (!reader.isDone) {
    reader.next();
    if (reader.opcode === Op.GLOBAL_SET || reader.opcode === Op.CALL_INDIRECT) return true;
  }
  return false;
}
