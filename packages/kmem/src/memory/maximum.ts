import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";
import { instanceOver, Limits, memoryImport, PAGES_MAX } from "./wasm-module.ts";

/**
 * How far a memory may grow at all, in bytes, or undefined where it has no maximum below 4 GiB or that cannot be found
 * out here. It does not grow.
 */
export function maximumOf(memory: WebAssembly.Memory): number | undefined {
  const { type } = memory as { type?: () => { maximum?: number | bigint } };
  if (typeof type !== "function") return linkedMaximum(memory);
  const { maximum } = type.call(memory);
  return maximum === undefined ? undefined : Math.min(Number(maximum) * WASM_PAGE_SIZE, ADDRESS_SPACE_BYTES);
}

/**
 * The maximum by what may be linked: a module that imports a memory of at most so many pages takes no memory that may
 * have more. Most engines have no other way to tell. O(log pages) modules of some thirty bytes.
 */
function linkedMaximum(memory: WebAssembly.Memory): number | undefined {
  const isShared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
  const flags = Limits.HAS_MAXIMUM | (isShared ? Limits.SHARED : 0);
  for (const limits of [flags, flags | Limits.ADDRESS_64]) {
    if (!links(memory, limits, PAGES_MAX)) continue;
    let refused = -1;
    let taken: number = PAGES_MAX;
    while (taken - refused > 1) {
      const middle = (taken + refused) >> 1;
      if (links(memory, limits, middle)) taken = middle;
      else refused = middle;
    }
    return taken * WASM_PAGE_SIZE;
  }
  return undefined;
}

/** Whether a module takes the memory for one of at most so many pages. False as well where no modules may be made. */
function links(memory: WebAssembly.Memory, limits: number, maximumPages: number): boolean {
  return instanceOver(memory, memoryImport(limits, maximumPages)) !== undefined;
}
