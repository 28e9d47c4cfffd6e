import type { WasmMemory } from "../../memory/memory.ts";

/** Bytes of a program's memory. */
export interface Stretch {
  readonly address: number;
  readonly bytes: number;
}

/** By memory, pages that a program had added before its heap was made, and that lie before the heap. */
const pagesBefore: WeakMap<object, Stretch> = /* @__PURE__ */ new WeakMap();

/** Remembers pages of a program that lie before its heap, so that its pointers are looked for in them, too. */
export function notePagesBefore(memory: object, pages: Stretch): void {
  pagesBefore.set(memory, pages);
}

/** Pages of a program that lie before the heap in its memory; undefined for none. */
export function pagesBeforeHeap(memory: object): Stretch | undefined {
  return pagesBefore.get(memory);
}

/** Grows a memory, which counts its pages in BigInts where it has 64-bit addresses; true. Throws RangeError. */
export function addPages(memory: WasmMemory, pageCount: number, is64: boolean): true {
  (memory as WebAssembly.Memory).grow(is64 ? (BigInt(pageCount) as unknown as number) : pageCount);
  return true;
}
