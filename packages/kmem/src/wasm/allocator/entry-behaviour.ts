import type { CodeFacts } from "../code/code-facts.ts";
import { CONSTANT, type FlowValue } from "../code/flow-uses.ts";
import { ValueFlow } from "../code/value-flow.ts";

/** log2 of the alignments that dlmalloc's blocks may have. */
const LEAST_ALIGNMENT_SHIFT = 3;
const MOST_ALIGNMENT_SHIFT = 5;
/** emmalloc rounds sizes up to words, and takes those above this for too large. */
const EMMALLOC = { ALIGNMENT_BYTES: 4, LIMIT: -57 } as const;
/** ENOMEM, as WASI and Emscripten have it, and as Linux has. */
const OUT_OF_MEMORY: ReadonlySet<number> = /* @__PURE__ */ new Set([48, 12]);
/** What copies a block takes where to, where from and how much. */
const COPY_PARAMETERS = 3;
/** Arguments of posix_memalign. */
const PLACE = 0;
const SIZE = 2;

/**
 * Whether a function that takes a size does with it what dlmalloc's functions do, and nothing else: it rounds the size
 * as it is to that of a chunk, takes it for no address, and hands it to nobody. What it returns it has not written to.
 * An optimizer that puts malloc into its only caller leaves a function that has malloc's type and uses its variables:
 * one that takes a string, say, whose length malloc rounds, or one that sets members of what it returns. O(code).
 */
export function isMallocItself(facts: CodeFacts, functionIndex: number): boolean {
  const flow = new ValueFlow(facts, functionIndex);
  if (flow.isUnsure || !rounds(facts, flow, 0)) return false;
  const size = flow.parameter(0);
  const { addresses, handedOn, results } = flow.uses;
  const blocks = results.flatMap((result) => flow.ancestorsOf(result));
  const isBlock = ({ origin, plus }: FlowValue, isExact: boolean): boolean =>
    blocks.some((block) => block.origin === origin && (isExact ? plus === block.plus : plus >= block.plus));
  // Of a chunk that is free it reads the links, which lie where the block will be.
  const isWrong = addresses.some(
    ({ value, isStore }) => comesFrom(flow, value, size) || (isStore && isBlock(value, false)),
  );
  const isHandedOn = handedOn.some((value) => isSame(value, size) || isBlock(value, true));
  return !isWrong && !isHandedOn && !flow.isUnsure;
}

/**
 * Whether a function that takes a block does with it what free does, and nothing else: what the block holds it does not
 * read, and hands the block to nobody. That it reads the block's header is known. O(code).
 */
export function isFreeItself(facts: CodeFacts, functionIndex: number): boolean {
  const flow = new ValueFlow(facts, functionIndex);
  const block = flow.parameter(0);
  const { addresses, handedOn } = flow.uses;
  const reads = ({ value, isStore }: (typeof addresses)[number]): boolean =>
    !isStore && flow.ancestorsOf(value).some(({ origin, plus }) => origin === block.origin && plus >= 0);
  return !addresses.some(reads) && !handedOn.some((value) => isSame(value, block)) && !flow.isUnsure;
}

/**
 * Whether a function rounds a parameter, as it is, to the size of a chunk: realloc inlined into what takes a count of
 * members has realloc's shape, but rounds another number. O(code).
 */
export function roundsSize(facts: CodeFacts, functionIndex: number, parameter: number): boolean {
  const flow = new ValueFlow(facts, functionIndex);
  return !flow.isUnsure && rounds(facts, flow, parameter);
}

/**
 * Whether a function compares one of its arguments, as it is, with a constant that `accepts` takes: by whatever copy.
 * O(code).
 */
export function comparesArgument(
  facts: CodeFacts,
  functionIndex: number,
  argument: number,
  accepts: (constant: number) => boolean,
): boolean {
  const flow = new ValueFlow(facts, functionIndex);
  const given = flow.parameter(argument);
  return !flow.isUnsure && flow.uses.compared.some(({ value, constant }) => isSame(value, given) && accepts(constant));
}

/**
 * Whether a function takes a place, an alignment and a size, stores a block at the place, and does nothing else: it
 * returns constants, and writes nothing into the block or elsewhere but headers and one error. That it calls only
 * functions of the allocator is known. O(code).
 */
export function isPosixMemalignItself(facts: CodeFacts, functionIndex: number): boolean {
  const flow = new ValueFlow(facts, functionIndex);
  const place = flow.parameter(PLACE);
  const { addresses, handedOn, results } = flow.uses;
  const kept = addresses.filter(({ value }) => isSame(value, place));
  if (flow.isUnsure || !rounds(facts, flow, SIZE) || kept.length !== 1 || !kept[0]!.isStore) return false;
  const blocks = kept[0]!.stored.flatMap((stored) => flow.ancestorsOf(stored));
  const isInBlock = ({ origin, plus }: FlowValue): boolean =>
    blocks.some((block) => block.origin === origin && plus >= block.plus);
  const isOther = ({ value, isStore, stored }: (typeof addresses)[number]): boolean => {
    if (isSame(value, place)) return false;
    if (flow.isConstant(value)) return !isStore || !stored.every(isError);
    return comesFrom(flow, value, place) || (isStore && (isInBlock(value) || !flow.isOfCalls(value)));
  };
  const errors = addresses.filter(({ value }) => flow.isConstant(value));
  return (
    !doesUnseen(flow) &&
    errors.length <= 1 &&
    !addresses.some(isOther) &&
    !handedOn.some((value) => comesFrom(flow, value, place)) &&
    handedOn.filter(isInBlock).length === 1 &&
    results.every((result) => flow.isConstant(result)) &&
    !flow.isUnsure
  );
}

/** What is known of the allocator whose realloc is looked for. */
export interface KnownAllocator {
  readonly mallocs: ReadonlySet<number>;
  readonly frees: ReadonlySet<number>;
  /** Its variables. */
  readonly variables: ReadonlySet<number>;
}

/**
 * Whether a function that uses emmalloc's variables is its realloc, and does nothing else: it takes a block and a size,
 * refuses what emmalloc does, rounds as that does, hands the size to malloc, and the block to free and to one copy, to
 * what malloc returned. It neither reads nor writes otherwise what the block holds. O(code).
 */
export function isEmmallocRealloc(
  facts: CodeFacts,
  functionIndex: number,
  { mallocs, frees, variables }: KnownAllocator,
): boolean {
  const flow = new ValueFlow(facts, functionIndex);
  const [block, size] = [flow.parameter(0), flow.parameter(1)];
  const { addresses, calls, compared, copies, handedOn, masked } = flow.uses;
  const rounds4 = masked.some(({ value, mask }) => mask === -EMMALLOC.ALIGNMENT_BYTES && isSized(value, size));
  const isLimited = compared.some(({ value, constant }) => isSame(value, size) && constant === EMMALLOC.LIMIT);
  if (flow.isUnsure || !rounds4 || !isLimited) return false;
  const freeing = calls.filter(({ callee }) => frees.has(callee));
  const allocating = calls.filter(({ callee }) => mallocs.has(callee));
  const others = calls.filter(({ callee }) => !frees.has(callee) && !mallocs.has(callee));
  const copying = [...copies, ...others.map(({ given }) => given)];
  const isCopy = ([to, from, ...rest]: readonly FlowValue[]): boolean =>
    rest.length === COPY_PARAMETERS - 2 &&
    isSame(from!, block) &&
    allocating.some(({ result }) => result !== undefined && isSame(to!, result));
  const isOther = ({ value, isStore }: (typeof addresses)[number]): boolean =>
    isStore && flow.isConstant(value)
      ? !variables.has(value.plus)
      : flow.ancestorsOf(value).some(({ origin, plus }) => origin === block.origin && plus >= 0);
  return (
    freeing.length > 0 &&
    freeing.every(({ given }) => isSame(given[0]!, block)) &&
    allocating.some(({ given }) => isSame(given[0]!, size)) &&
    copying.length === 1 &&
    isCopy(copying[0]!) &&
    !doesUnseen(flow) &&
    handedOn.filter((value) => isSame(value, block)).length === freeing.length + 1 &&
    !addresses.some(isOther) &&
    !flow.isUnsure
  );
}

/** Whether a function does what none of its values shows, and none of these functions does. */
function doesUnseen({ uses }: ValueFlow): boolean {
  return uses.usesGlobals || uses.callsIndirect || uses.fillsMemory || uses.growsMemory;
}

function isError({ origin, plus }: FlowValue): boolean {
  return origin === CONSTANT && OUT_OF_MEMORY.has(plus);
}

function isSized({ origin, plus }: FlowValue, size: FlowValue): boolean {
  return origin === size.origin && plus === EMMALLOC.ALIGNMENT_BYTES - 1;
}

/** A chunk is a block with a word before it, rounded up to its alignment. */
function rounds(facts: CodeFacts, flow: ValueFlow, parameter: number): boolean {
  const { origin } = flow.parameter(parameter);
  const overheadBytes = facts.module.memories[0]?.is64 === true ? 8 : 4;
  return flow.uses.masked.some(({ value, mask }) => {
    const shift = alignmentShiftOf(mask);
    return shift !== undefined && value.origin === origin && value.plus === overheadBytes + 2 ** shift - 1;
  });
}

/** log2 of the alignment that a mask rounds down to; some have no more high bits than a small size. */
function alignmentShiftOf(mask: number): number | undefined {
  for (let shift = LEAST_ALIGNMENT_SHIFT; shift <= MOST_ALIGNMENT_SHIFT; shift++) {
    const isRest = mask > 0 && mask % 2 ** shift === 0 && Number.isInteger(Math.log2(mask / 2 ** shift + 1));
    if (mask === -(2 ** shift) || isRest) return shift;
  }
  return undefined;
}

/** Whether two values are one: made from the same, with the same added. */
export function isSame(one: FlowValue, other: FlowValue): boolean {
  return one.origin === other.origin && one.plus === other.plus;
}

function comesFrom(flow: ValueFlow, value: FlowValue, { origin }: FlowValue): boolean {
  return flow.ancestorsOf(value).some((one) => one.origin === origin);
}
