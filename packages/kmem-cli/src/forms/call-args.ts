import type { BlockMatcher } from "../trace/block-matcher.ts";
import { OP } from "../trace/op-stream.ts";
import { ADDRESS_REASON, isSize, SIZE_REASON } from "./line-form.ts";
import { log2Of, sizeOf, Word } from "./word64.ts";

/** The functions whose calls are events. */
export type AllocCall =
  | "malloc"
  | "calloc"
  | "realloc"
  | "reallocarray"
  | "memalign"
  | "aligned_alloc"
  | "posix_memalign"
  | "valloc"
  | "free"
  | "cfree";
/** Their names, for patterns. */
export const CALL_NAMES = "malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|free|cfree";

const address = new Word();
const old = new Word();

/**
 * Hands on a call as text: its arguments, and the address that it answered. Answers the name it is counted by, or why
 * it cannot be used, as `{ reason }`.
 */
export function takeCall(
  blocks: BlockMatcher,
  name: AllocCall,
  args: readonly string[],
  answer: string | undefined,
): { readonly name: string } | { readonly reason: string } {
  const [first = "", second, third] = args;
  if (name === "free" || name === "cfree") {
    if (!address.set(first)) return { reason: ADDRESS_REASON };
    blocks.free(address.high, address.low);
    return { name: "free" };
  }
  if (answer === undefined || !address.set(answer)) return { reason: ADDRESS_REASON };
  const { high, low } = address;
  if (name === "realloc" || name === "reallocarray") {
    if (!old.set(first)) return { reason: ADDRESS_REASON };
    const sizeBytes = name === "realloc" ? sizeOf(second) : sizeOf(second) * sizeOf(third);
    if (!isSize(sizeBytes)) return { reason: SIZE_REASON };
    blocks.realloc(old.high, old.low, high, low, sizeBytes);
    return { name: "realloc" };
  }
  const isAligned = name === "memalign" || name === "aligned_alloc" || name === "posix_memalign";
  const sizeBytes = name === "calloc" ? sizeOf(first) * sizeOf(second) : isAligned ? sizeOf(second) : sizeOf(first);
  if (!isSize(sizeBytes)) return { reason: SIZE_REASON };
  if (name === "calloc") blocks.alloc(OP.CALLOC, high, low, sizeBytes);
  else if (isAligned) blocks.alloc(OP.ALIGNED, high, low, sizeBytes, log2Of(sizeOf(first)));
  else blocks.alloc(OP.MALLOC, high, low, sizeBytes);
  return { name: name === "calloc" ? "calloc" : isAligned ? "aligned_alloc" : "malloc" };
}
