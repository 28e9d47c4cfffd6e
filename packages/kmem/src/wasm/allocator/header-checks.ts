import { IMMEDIATES, Immediate, Op, WORD_BYTES } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { FunctionCode } from "../code/function-code.ts";
import { HeaderPaths, type PathEnd, type PathFunctions, type PathState } from "./header-paths.ts";
import type { HeaderRead } from "./header-reads.ts";

/** A header without flags, of the largest size that there is: no check finds the block too small or too large. */
export const PASSING_HEADER = -8;

const MOST_BEFORE_LOAD = 256;
/** No function that only checks a header, or frees the block then, is longer. */
const CHECK_BYTES = 256;
const CONTROLS: ReadonlySet<number> = /* @__PURE__ */ new Set([
  ...[Op.UNREACHABLE, Op.ELSE, Op.END, Op.BR, Op.BR_IF, Op.BR_TABLE, Op.RETURN],
  ...[Op.RETURN_CALL, Op.RETURN_CALL_INDIRECT, Op.RETURN_CALL_REF],
]);
/** Of its arguments dealloc uses the block and the size. */
const DEALLOC_USES = 2;

/**
 * Whether a function is Rust's dealloc, with an alignment or without, as far as anybody can tell: on all ways it traps,
 * or panics, or frees its first argument, once, and does nothing else. It loads nothing but that block's header, and
 * goes by nothing but this, the block and its second argument; how it compares them is not asked. O(code).
 */
export function isDeallocItself(facts: CodeFacts, functionIndex: number, frees: ReadonlySet<number>): boolean {
  if (!facts.isShort(functionIndex, CHECK_BYTES)) return false;
  const code = new FunctionCode(facts, functionIndex);
  if (code.isUnsure) return false;
  const paths = new HeaderPaths(facts, code, { frees, replaced: frees });
  const start = paths.startAt(0);
  const ends = paths.endsFrom(start, { block: paths.localOf(start, 0), goesOn: true });
  if (ends === undefined || paths.loadsElse || paths.branchesElse || paths.headerLoads.size === 0) return false;
  const count = facts.module.typeOf(functionIndex)?.params.length ?? 0;
  if ([...paths.readLocals].some((local) => local >= DEALLOC_USES && local < count)) return false;
  return ends.every(({ kind, state }) => kind === "trap" || (kind === "return" && state.hasFreed));
}

/**
 * Whether each of these reads of a function is of the header of a block that is freed at once, for nothing but checks
 * that trap, all of which `PASSING_HEADER` passes: Rust's check of a size, inlined. O(code).
 */
export function areChecksBeforeFree(
  facts: CodeFacts,
  functionIndex: number,
  functions: PathFunctions,
  reads: readonly HeaderRead[],
): boolean {
  const code = new FunctionCode(facts, functionIndex);
  return !code.isUnsure && reads.every((read) => isCheckBeforeFree(facts, code, functions, code.indexAt(read.at)));
}

/**
 * Whatever the header is, all ways from its load that do not trap lead to the same call, which frees the block: so it
 * is the header of a block, and a program that is right always comes there. With the header that passes, they lead
 * there too. What locals hold there is the same on all of these ways, or read no more.
 */
function isCheckBeforeFree(facts: CodeFacts, code: FunctionCode, functions: PathFunctions, load: number): boolean {
  const loading = code.instructions[load];
  if (loading?.opcode !== Op.I32_LOAD) return false;
  const paths = new HeaderPaths(facts, code, functions);
  const state = paths.startAt(startOfRun(code, load));
  paths.goTo(state, load);
  const address = state.stack.at(-1);
  if (address === undefined) return false;
  const { symbols } = paths;
  const block = symbols.result(Op.I32_ADD, [address, symbols.constant(loading.value + WORD_BYTES)]);
  const anyEnds = paths.endsFrom(state, { block });
  const ends = paths.endsFrom(state, { block, header: PASSING_HEADER, load });
  if (anyEnds === undefined || ends === undefined || paths.headerLoads.size !== 1) return false;
  const all = [...anyEnds.filter(({ kind }) => kind !== "trap"), ...ends];
  const place = all[0]?.state.at ?? -1;
  const isThere = ({ kind, state: { at }, block: freed }: PathEnd): boolean =>
    kind === "free" && at === place && freed === block;
  if (ends.length === 0 || all.length === ends.length || !all.every(isThere)) return false;
  return isSameAfter(
    paths,
    code,
    all.map((end) => end.state),
    place + 1,
  );
}

/**
 * Whether a function does nothing but check the header of its first argument, as Rust's where it is not inlined: it
 * traps or returns, and with `PASSING_HEADER` it returns. What calls it has to free the block then. O(code).
 */
export function isCheckItself(
  facts: CodeFacts,
  functionIndex: number,
  replaced: ReadonlySet<number>,
  reads: readonly HeaderRead[],
): boolean {
  const type = facts.module.typeOf(functionIndex);
  const isCandidate = type?.results.length === 0 && facts.isShort(functionIndex, CHECK_BYTES);
  if (reads.length !== 1 || !isCandidate) return false;
  const code = new FunctionCode(facts, functionIndex);
  const load = code.indexAt(reads[0]!.at);
  if (code.isUnsure || code.instructions[load]?.opcode !== Op.I32_LOAD) return false;
  const paths = new HeaderPaths(facts, code, { frees: new Set(), replaced });
  const start = paths.startAt(0);
  const block = paths.localOf(start, 0);
  const anyEnds = paths.endsFrom(start, { block });
  const ends = paths.endsFrom(start, { block, header: PASSING_HEADER, load });
  if (anyEnds === undefined || paths.headerLoads.size !== 1) return false;
  return ends?.every(({ kind }) => kind === "return") === true;
}

/** Whether a function frees each block at once that it has checked by another one. O(code). */
export function freesWhatItChecks(
  facts: CodeFacts,
  functionIndex: number,
  functions: PathFunctions,
  check: number,
): boolean {
  const code = new FunctionCode(facts, functionIndex);
  const count = facts.module.typeOf(check)?.params.length ?? 0;
  const isFreed = (index: number): boolean => {
    const paths = new HeaderPaths(facts, code, functions);
    const state = paths.startAt(startOfRun(code, index));
    paths.goTo(state, index);
    const block = state.stack.at(-count);
    if (block === undefined || state.stack.length < count) return false;
    state.stack.length -= count;
    state.at++;
    const ends = paths.endsFrom(state, { block })?.filter(({ kind }) => kind !== "trap") ?? [];
    return ends.length > 0 && ends.every(({ kind, block: freed }) => kind === "free" && freed === block);
  };
  return (
    !code.isUnsure &&
    code.instructions.every(({ opcode, value }, index) => {
      if (opcode === Op.CALL && value === check) return isFreed(index);
      return (opcode !== Op.RETURN_CALL && opcode !== Op.REF_FUNC) || value !== check;
    })
  );
}

/** Whether nothing tells from here on on which of these ways it was come to. */
function isSameAfter(paths: HeaderPaths, code: FunctionCode, ways: readonly PathState[], from: number): boolean {
  const first = ways[0]!;
  const isSameStack = ways.every(
    ({ stack }) =>
      stack.length === first.stack.length && stack.every((one, depth) => one === first.stack[depth] && !one.isOfHeader),
  );
  const changed = new Set(ways.flatMap(({ locals }) => [...locals.keys()]));
  return (
    isSameStack &&
    [...changed].every((local) => {
      const held = paths.localOf(first, local);
      const isSame = !held.isOfHeader && ways.every((way) => paths.localOf(way, local) === held);
      return isSame || code.isDeadFrom(from, local);
    })
  );
}

/** Where the instructions begin that run straight to one. */
function startOfRun({ instructions }: FunctionCode, index: number): number {
  let start = index;
  while (start > 0 && index - start < MOST_BEFORE_LOAD && runsStraightOn(instructions[start - 1]!.opcode)) start--;
  return start;
}

function runsStraightOn(opcode: number): boolean {
  return IMMEDIATES[opcode] !== Immediate.BLOCK && !CONTROLS.has(opcode);
}
