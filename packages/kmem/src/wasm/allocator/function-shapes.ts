import { isWord } from "../binary/module.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { comparesArgument, isEmmallocRealloc, isPosixMemalignItself, roundsSize } from "./entry-behaviour.ts";
import { isDeallocItself } from "./header-checks.ts";
import { type HeaderRead, headerReadsOf } from "./header-reads.ts";
import type { Role } from "./roles.ts";

/** What is known of the allocator when a function's shape is looked at. */
export interface ShapeContext {
  readonly mallocs: ReadonlySet<number>;
  readonly frees: ReadonlySet<number>;
  readonly accessors: ReadonlySet<number>;
  /** The allocator's variables. */
  readonly variables: ReadonlySet<number>;
  /** Functions that return blocks. */
  readonly blockSources: ReadonlySet<number>;
  readonly is64: boolean;
}

/** dlmalloc's masks of the sizes in its headers, and of their flags. */
const SIZE_MASK = -8;
export const FLAGS_MASK = 3;
/** From this alignment on Rust's allocator asks dlmalloc for one. */
const RUST_LEAST_ALIGNMENT = 9;
/** The alignments that dlmalloc's memalign compares with: of every block, and of the smallest chunk. */
const LEAST_ALIGNMENTS: ReadonlySet<number> = new Set([8, 16, 32]);
/** No function that returns a block's size is longer. */
const USABLE_SIZE_BYTES = 160;

export interface Shape {
  readonly role: Role;
  readonly why: string;
}

/** Whether a mask tells the size in a header from its flags. */
export function masksSize({ masks }: HeaderRead): boolean {
  return masks.includes(SIZE_MASK);
}

/** Whether a function reads the size in the header of its first argument. O(instructions). */
export function readsArgumentHeader(facts: CodeFacts, functionIndex: number): boolean {
  return headerReadsOf(facts, functionIndex, new Set()).some((read) => read.local === 0 && masksSize(read));
}

function meets(one: ReadonlySet<number>, other: ReadonlySet<number>): boolean {
  for (const item of one) if (other.has(item)) return true;
  return false;
}

/** What a function without a name does, where it can be told by what it reads, calls and compares. */
export function shapeOf(facts: CodeFacts, functionIndex: number, context: ShapeContext): Shape | undefined {
  const type = facts.module.typeOf(functionIndex);
  if (type === undefined || type.results.length > 1) return undefined;
  if (![...type.params, ...type.results].every((one) => isWord(one, context.is64))) return undefined;
  const count = type.params.length;
  if (count === 1) return type.results.length === 1 ? usableSizeShape(facts, functionIndex) : undefined;
  const callees = facts.calleesOf(functionIndex);
  if (type.results.length === 0) return deallocShape(facts, functionIndex, callees, context);
  if (!meets(callees, context.mallocs)) return undefined;
  const reads = headerReadsOf(facts, functionIndex, context.blockSources);
  const isOfArgument = reads.some((read) => read.local === 0 && !read.isOfBlock && read.masks.length > 0);
  if (count === 2) {
    if (isOfArgument && meets(callees, context.frees)) {
      if (!roundsSize(facts, functionIndex, 1)) return undefined;
      return { role: "realloc", why: "reads its argument's header, calls malloc and free" };
    }
    const mayBeEmmalloc = !context.is64 && context.accessors.has(functionIndex) && meets(callees, context.frees);
    if (mayBeEmmalloc && isEmmallocRealloc(facts, functionIndex, context)) {
      return { role: "realloc", why: "takes sizes as emmalloc does, calls malloc and free" };
    }
    return isMemalign(facts, functionIndex, context, callees, reads, 0) && roundsSize(facts, functionIndex, 1)
      ? { role: "memalign", why: "aligns a block of malloc's, and gives back what is before and after it" }
      : undefined;
  }
  if (count === 3) {
    const isOfAllocator = [...callees].every((index) => context.mallocs.has(index) || context.accessors.has(index));
    return isOfAllocator &&
      isMemalign(facts, functionIndex, context, callees, reads, 1) &&
      isPosixMemalignItself(facts, functionIndex)
      ? { role: "posix_memalign", why: "stores a block of malloc's that it has aligned, and does nothing else" }
      : undefined;
  }
  if (count !== 4 || !isOfArgument || !meets(callees, context.frees)) return undefined;
  const takesAlignment = comparesArgument(facts, functionIndex, 2, (one) => one === RUST_LEAST_ALIGNMENT);
  return takesAlignment && roundsSize(facts, functionIndex, 3)
    ? { role: "rust_realloc", why: "reads its argument's header, takes an alignment, calls malloc and free" }
    : undefined;
}

function isMemalign(
  facts: CodeFacts,
  functionIndex: number,
  { accessors, mallocs }: ShapeContext,
  callees: ReadonlySet<number>,
  reads: readonly HeaderRead[],
  alignment: number,
): boolean {
  const givesBack = [...callees].some((index) => accessors.has(index) && !mallocs.has(index));
  if (!givesBack && !accessors.has(functionIndex)) return false;
  if (!reads.some((read) => read.isOfBlock && masksSize(read))) return false;
  return comparesArgument(facts, functionIndex, alignment, (one) => LEAST_ALIGNMENTS.has(one));
}

/** Rust's dealloc; of its three arguments it does not use the last, the alignment, which may have been taken away. */
function deallocShape(
  facts: CodeFacts,
  functionIndex: number,
  callees: ReadonlySet<number>,
  { frees, is64 }: ShapeContext,
): Shape | undefined {
  const count = facts.module.typeOf(functionIndex)?.params.length ?? 0;
  if (is64 || count < 2 || count > 3 || !meets(callees, frees)) return undefined;
  return isDeallocItself(facts, functionIndex, frees)
    ? { role: "rust_dealloc", why: "compares its argument's header with a size, calls free" }
    : undefined;
}

function usableSizeShape(facts: CodeFacts, functionIndex: number): Shape | undefined {
  if (!facts.isShort(functionIndex, USABLE_SIZE_BYTES)) return undefined;
  if (facts.calleesOf(functionIndex).size > 0) return undefined;
  const reads = headerReadsOf(facts, functionIndex, new Set()).filter(({ local }) => local === 0);
  const isSize = reads.some((read) => masksSize(read) && read.masks.includes(FLAGS_MASK));
  return isSize ? { role: "malloc_usable_size", why: "returns the size in its argument's header" } : undefined;
}
