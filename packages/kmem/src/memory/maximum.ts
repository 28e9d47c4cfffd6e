import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";

/** Most pages that a memory below 4 GiB can have. */
const PAGES_MAX: number = ADDRESS_SPACE_BYTES / WASM_PAGE_SIZE;

/** Parts of the binary format of WebAssembly: a module that does nothing but import a memory. */
const MODULE_HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const IMPORT_SECTION = 2;
/** One import, "m" of module "m", which is a memory. */
const MEMORY_IMPORT: readonly number[] = [1, 1, 0x6d, 1, 0x6d, 2];
/** Bits of the limits of a memory. */
const Limits = { HAS_MAXIMUM: 1, SHARED: 2, ADDRESS_64: 4 } as const;
/** Bits of a byte of a number in the binary format, and the bit that says that another one follows. */
const LEB_SHIFT = 7;
const LEB_MASK = 0x7f;
const LEB_MORE = 0x80;

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
    let taken = PAGES_MAX;
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
  const section = [...MEMORY_IMPORT, limits, 0, ...lebOf(maximumPages)];
  try {
    const module = new WebAssembly.Module(Uint8Array.of(...MODULE_HEADER, IMPORT_SECTION, section.length, ...section));
    return new WebAssembly.Instance(module, { m: { m: memory } }) !== undefined;
  } catch {
    return false;
  }
}

/** A number as the binary format has it: seven bits in a byte, the lowest first. */
function lebOf(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > LEB_MASK; rest >>>= LEB_SHIFT) bytes.push((rest & LEB_MASK) | LEB_MORE);
  return [...bytes, rest];
}
