import type { CMalloc } from "../../../src/wasm/index.ts";
import type { CoreCalls } from "./core-module.ts";

/** An instance of a core over a memory, and the names of the calls that have reached its imports. */
export function programOver(module: WebAssembly.Module, memory: WebAssembly.Memory, face: CMalloc) {
  const slow: string[] = [];
  const functions = Object.entries(face as unknown as CoreCalls).map(([name, call]) => [
    name,
    (...args: number[]) => {
      slow.push(name);
      return call(...args);
    },
  ]);
  const kmem = Object.fromEntries(functions) as WebAssembly.ModuleImports;
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, kmem });
  return { slow, exports, calls: exports as unknown as CoreCalls };
}
