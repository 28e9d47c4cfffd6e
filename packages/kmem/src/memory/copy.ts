import { WORD_BYTES, WORD_SHIFT } from "./layout.ts";
import type { LinearMemory } from "./memory.ts";

/** Constants of this module are folded into the code, imported ones are not. */
const wordShift = WORD_SHIFT;
const wordMask = WORD_BYTES - 1;

/** Up to so many bytes a loop copies faster than the engine's own `copyWithin`, of which a call costs 25 to 35 ns. */
const LOOP_BYTES = 256;
/** The same beside a call into WebAssembly, which costs 8 to 10 ns. */
const BULK_LOOP_BYTES = 64;

/** Up to how many bytes a loop copies faster than {@link copyLong} does in this memory. */
export function loopBytesOf({ bulk }: LinearMemory): number {
  return bulk === undefined ? LOOP_BYTES : BULK_LOOP_BYTES;
}

/** As {@link copyBytes}: by an instruction of WebAssembly where the memory is of that, else by `copyWithin`. */
export function copyLong(memory: LinearMemory, target: number, source: number, sizeBytes: number): void {
  const { bulk } = memory;
  if (bulk === undefined) memory.bytes.copyWithin(target, source, source + sizeBytes);
  else bulk.copy(target, source, sizeBytes);
}

/**
 * Copies `sizeBytes` from one block to another, and no byte more: after them a debugged block has its red zone. Both
 * addresses are multiples of a word, and the blocks do not overlap. O(bytes).
 */
export function copyBytes(memory: LinearMemory, target: number, source: number, sizeBytes: number): void {
  if (sizeBytes > loopBytesOf(memory)) {
    copyLong(memory, target, source, sizeBytes);
    return;
  }
  const { words, bytes } = memory;
  const from = source >>> wordShift;
  const to = target >>> wordShift;
  const count = sizeBytes >>> wordShift;
  for (let index = 0; index < count; index++) words[to + index] = words[from + index];
  for (let byte = sizeBytes & ~wordMask; byte < sizeBytes; byte++) bytes[target + byte] = bytes[source + byte];
}
