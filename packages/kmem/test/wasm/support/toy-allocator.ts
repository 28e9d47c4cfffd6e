import type { AdoptedModule } from "../../../src/wasm/index.ts";
import { type BuiltFunction, I32, op } from "./module-builder.ts";

/** The variables of an allocator that does nothing but name them, as a real one does. */
export const TOY_STATE: readonly number[] = [2000, 2004, 2008, 2012];

const loads = TOY_STATE.flatMap((address) => [...op.i32(address), ...op.load(), ...op.add]);
const stores = TOY_STATE.flatMap((address) => [...op.i32(address), ...op.get(0), ...op.store()]);

/** malloc, which uses every variable. */
export function toyMalloc(names: Partial<BuiltFunction> = { exportAs: "malloc" }): BuiltFunction {
  return { params: [I32], results: [I32], code: [...op.get(0), ...loads], ...names };
}

/** free, which uses every variable. */
export function toyFree(names: Partial<BuiltFunction> = { exportAs: "free" }): BuiltFunction {
  return { params: [I32], results: [], code: stores, ...names };
}

/** A function with arguments of one word each, and one result or none. */
export function wordFunction(
  count: number,
  code: readonly number[],
  names: Partial<BuiltFunction> = {},
): BuiltFunction {
  return { params: Array.from({ length: count }, () => I32), results: [I32], code, ...names };
}

/** A function that has a frame on the stack, as C's have, whose pointer is a global. */
export function framedFunction(global = 0, bytes = 16): BuiltFunction {
  const made = [0x23, global, ...op.i32(bytes), ...op.sub, ...op.tee(0), 0x24, global];
  return {
    params: [],
    results: [],
    locals: 1,
    code: [...made, ...op.get(0), ...op.i32(bytes), ...op.add, 0x24, global],
  };
}

/** What an adopted module called, and functions of C that hand out one address after another. */
interface ToyHeap {
  readonly calls: string[];
  readonly imports: Record<string, WebAssembly.ModuleImports>;
}

const FIRST_ADDRESS = 0x8000;

function toyHeap(): ToyHeap {
  const calls: string[] = [];
  let next = FIRST_ADDRESS;
  const noting =
    (name: string, answer: (...args: number[]) => number | undefined) =>
    (...args: number[]): number | undefined => {
      calls.push(`${name}(${args.join(", ")})`);
      return answer(...args);
    };
  const block = (alignment: number, size: number): number => {
    const address = Math.ceil(next / alignment) * alignment;
    next = address + size;
    return address;
  };
  const kmem = {
    malloc: noting("malloc", (size = 0) => block(16, size)),
    free: noting("free", () => undefined),
    calloc: noting("calloc", (count = 0, size = 0) => block(16, count * size)),
    realloc: noting("realloc", (_address, size = 0) => block(16, size)),
    memalign: noting("memalign", (alignment = 16, size = 0) => block(alignment, size)),
    aligned_alloc: noting("aligned_alloc", (alignment = 16, size = 0) => block(Math.max(16, alignment), size)),
    posix_memalign: noting("posix_memalign", () => 0),
    malloc_usable_size: noting("malloc_usable_size", () => 99),
    reallocarray: noting("reallocarray", () => 0),
  };
  return { calls, imports: { kmem } };
}

/** An instance of an adopted module with a toy heap. */
export function instantiated({ bytes }: AdoptedModule, others: WebAssembly.Imports = {}) {
  const heap = toyHeap();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { ...others, ...heap.imports });
  const exported = instance.exports as Record<string, (...args: unknown[]) => unknown>;
  const memory = instance.exports["memory"] as WebAssembly.Memory;
  return { exported, memory, calls: heap.calls };
}
