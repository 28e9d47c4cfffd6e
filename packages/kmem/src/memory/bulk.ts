import { instanceOver, Limits, memoryImport, PAGES_MAX, Section, section } from "./wasm-module.ts";

/** `memory.fill` and `memory.copy` of WebAssembly over one memory. They trap outside of it. */
export interface BulkMemory {
  /** Sets so many bytes from `address` on to `byte`. */
  readonly fill: (address: number, byte: number, sizeBytes: number) => void;
  /** Copies so many bytes; the stretches may overlap. */
  readonly copy: (target: number, source: number, sizeBytes: number) => void;
}

/** Types, opcodes and kinds of the binary format. */
const FUNCTION_TYPE = 0x60;
const I32 = 0x7f;
const LOCAL_GET = 0x20;
const BULK_PREFIX = 0xfc;
const MEMORY_COPY = 0x0a;
const MEMORY_FILL = 0x0b;
const END = 0x0b;
const FUNCTION_KIND = 0;

/** Names of the two functions: "f" and "c". */
const FILL_NAME = 0x66;
const COPY_NAME = 0x63;
/** All three parameters, in order. */
const PARAMETERS: readonly number[] = [LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2];

/** The functions over a memory; undefined where the engine refuses, and for memory with 64-bit addresses. */
export function bulkOver(memory: { readonly buffer: ArrayBufferLike }): BulkMemory | undefined {
  const isShared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
  const limits = isShared ? Limits.HAS_MAXIMUM | Limits.SHARED : 0;
  const instance = instanceOver(memory as WebAssembly.Memory, [
    ...section(Section.TYPE, [1, FUNCTION_TYPE, 3, I32, I32, I32, 0]),
    ...memoryImport(limits, PAGES_MAX),
    ...section(Section.FUNCTION, [2, 0, 0]),
    ...section(Section.EXPORT, [2, 1, FILL_NAME, FUNCTION_KIND, 0, 1, COPY_NAME, FUNCTION_KIND, 1]),
    ...section(Section.CODE, [2, ...body([BULK_PREFIX, MEMORY_FILL, 0]), ...body([BULK_PREFIX, MEMORY_COPY, 0, 0])]),
  ]);
  if (instance === undefined) return undefined;
  const { f: fill, c: copy } = instance.exports;
  return { fill, copy } as unknown as BulkMemory;
}

/** The body of a function that hands its parameters to one instruction. */
function body(instruction: readonly number[]): number[] {
  const code = [0, ...PARAMETERS, ...instruction, END];
  return [code.length, ...code];
}
