import type { CodeFacts } from "./code-facts.ts";
import { FunctionCode } from "./function-code.ts";
import { HeaderPaths } from "./header-paths.ts";

/** Of its arguments dealloc uses the block and the size. */
const DEALLOC_USES = 2;

/**
 * Whether a function compares the header of its first argument with its second one, a size, and frees it: Rust's
 * dealloc, with an alignment or without. On no way that does not trap it does anything else. O(code).
 */
export function isDeallocItself(facts: CodeFacts, functionIndex: number, frees: ReadonlySet<number>): boolean {
  const code = new FunctionCode(facts, functionIndex);
  if (code.isUnsure) return false;
  const paths = new HeaderPaths(facts, code, frees);
  const start = paths.startAt(0);
  const ends = paths.endsFrom(start, { block: paths.localOf(start, 0), goesOn: true });
  if (ends === undefined || paths.loadsElse || paths.branchesElse || paths.headerLoads.size === 0) return false;
  const count = facts.module.typeOf(functionIndex)?.params.length ?? 0;
  if ([...paths.readLocals].some((local) => local >= DEALLOC_USES && local < count)) return false;
  return ends.every(({ kind, state }) => kind === "trap" || (kind === "return" && state.hasFreed));
}
