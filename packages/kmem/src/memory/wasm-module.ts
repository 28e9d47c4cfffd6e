import { ADDRESS_SPACE_BYTES, WASM_PAGE_SIZE } from "./layout.ts";

/** Most pages that a memory below 4 GiB can have. */
export const PAGES_MAX: number = ADDRESS_SPACE_BYTES / WASM_PAGE_SIZE;

/** What a module begins with: its magic number and version. */
const MODULE_HEADER: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Numbers of sections, in the order in which a module has them. */
export const Section = { TYPE: 1, IMPORT: 2, FUNCTION: 3, EXPORT: 7, CODE: 10 } as const;
/** Bits of the limits of a memory. */
export const Limits = { HAS_MAXIMUM: 1, SHARED: 2, ADDRESS_64: 4 } as const;
/** One import, "m" of module "m", which is a memory; its limits follow. */
const MEMORY_IMPORT: readonly number[] = [1, 1, 0x6d, 1, 0x6d, 2];
/** Bits of a byte of a number in the binary format, and the bit that says that another one follows. */
const LEB_SHIFT = 7;
const LEB_MASK = 0x7f;
const LEB_MORE = 0x80;

/** A section of a module. */
export function section(number: number, content: readonly number[]): number[] {
  return [number, ...lebOf(content.length), ...content];
}

/** The section that imports a memory; `maximumPages` where its limits have one. */
export function memoryImport(limits: number, maximumPages: number): number[] {
  const maximum = (limits & Limits.HAS_MAXIMUM) === 0 ? [] : lebOf(maximumPages);
  return section(Section.IMPORT, [...MEMORY_IMPORT, limits, 0, ...maximum]);
}

/**
 * The instance of a module of these sections over a memory; undefined where the engine refuses the module, as under a
 * content security policy without `wasm-unsafe-eval`, or the memory does not have the limits.
 */
export function instanceOver(
  memory: WebAssembly.Memory,
  sections: readonly number[],
): WebAssembly.Instance | undefined {
  try {
    const module = new WebAssembly.Module(Uint8Array.of(...MODULE_HEADER, ...sections));
    return new WebAssembly.Instance(module, { m: { m: memory } });
  } catch {
    return undefined;
  }
}

/** A number as the binary format has it: seven bits in a byte, the lowest first. */
function lebOf(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > LEB_MASK; rest >>>= LEB_SHIFT) bytes.push((rest & LEB_MASK) | LEB_MORE);
  return [...bytes, rest];
}
