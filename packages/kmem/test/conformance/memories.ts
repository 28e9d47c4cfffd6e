import { MIB } from "../support/memories.ts";
import type { MemoryCase } from "./allocator.ts";

/** What memories have at first, and what those have that can grow in the end. */
const SIZE_BYTES: number = 2 * MIB;
const GROWN_BYTES: number = 3 * MIB;
const WASM_PAGE_BYTES = 65_536;

type Make = MemoryCase["make"];

/** Why a runtime does not make such a memory, if it does not. */
function absenceOf(make: Make): { readonly absence?: string } {
  try {
    make();
    return {};
  } catch (error) {
    return { absence: `this runtime has no such memory: ${String(error)}` };
  }
}

function fixed(name: string, make: Make): MemoryCase {
  return { name, sizeBytes: SIZE_BYTES, maximumBytes: SIZE_BYTES, make, ...absenceOf(make) };
}

/** A WebAssembly.Memory that begins with half of what others have, and grows. */
function wasm(name: string, more: object): MemoryCase {
  const pages = (bytes: number): number | bigint => {
    const count = bytes / WASM_PAGE_BYTES;
    return "address" in more ? BigInt(count) : count;
  };
  const make = (): WebAssembly.Memory => {
    const limits = { initial: pages(SIZE_BYTES / 2), maximum: pages(GROWN_BYTES), ...more };
    const memory = new WebAssembly.Memory(limits as unknown as WebAssembly.MemoryDescriptor);
    // A runtime that does not know the option makes a memory of 32 bits out of it, or none.
    if (memory.buffer.byteLength !== SIZE_BYTES / 2) throw new RangeError("it has another size");
    return memory;
  };
  return { name, sizeBytes: SIZE_BYTES / 2, maximumBytes: GROWN_BYTES, make, ...absenceOf(make) };
}

const growable = { maxByteLength: GROWN_BYTES };

/** Every kind of memory that an allocator can be given. */
export const MEMORIES: readonly MemoryCase[] = [
  fixed("SharedArrayBuffer", () => new SharedArrayBuffer(SIZE_BYTES)),
  fixed("growable SharedArrayBuffer", () => new SharedArrayBuffer(SIZE_BYTES, growable)),
  fixed("ArrayBuffer", () => new ArrayBuffer(SIZE_BYTES)),
  fixed("resizable ArrayBuffer", () => new ArrayBuffer(SIZE_BYTES, growable)),
  wasm("shared WebAssembly.Memory", { shared: true }),
  wasm("WebAssembly.Memory", {}),
  wasm("shared WebAssembly.Memory of 64 bits", { shared: true, address: "i64" }),
  wasm("WebAssembly.Memory of 64 bits", { address: "i64" }),
];
