import { WORD_BYTES, WORD_SHIFT } from "./layout.ts";
import type { LinearMemory } from "./memory.ts";

/** Constants of this module are folded into the code, imported ones are not. */
const wordShift = WORD_SHIFT;
const wordMask = WORD_BYTES - 1;

/** Up to so many bytes a loop copies faster than the engine's own `copyWithin`, of which a call costs 25 to 35 ns. */
const LOOP_BYTES = 256;
/** The same beside a call into WebAssembly, which costs 8 to 10 ns. */
export const BULK_LOOP_BYTES = 64;

/**
 * Copies `sizeBytes` from one block to another, and no byte more: after them a debugged block has its red zone. Both
 * addresses are multiples of a word, and the blocks do not overlap. All but short ones go by an instruction of
 * WebAssembly where the memory is of that, long ones else by `copyWithin`. O(bytes).
 */
export function copyBytes(memory: LinearMemory, target: number, source: number, sizeBytes: number): void {
  const bulk = sizeBytes > BULK_LOOP_BYTES ? memory.bulk : undefined;
  if (bulk !== undefined) {
    bulk.copy(target, source, sizeBytes);
    return;
  }
  if (sizeBytes > LOOP_BYTES) {
    memory.bytes.copyWithin(target, source, source + sizeBytes);
    return;
  }
  const { words, bytes } = memory;
  const from = source >>> wordShift;
  const to = target >>> wordShift;
  const count = sizeBytes >>> wordShift;
  for (let index = 0; index < count; index++) words[to + index] = words[from + index];
  for (let byte = sizeBytes & ~wordMask; byte < sizeBytes; byte++) bytes[target + byte] = bytes[source + byte];
}
