import { fileURLToPath } from "node:url";
import { compileOnce, withoutBuiltins } from "kmem-cli/internal/contenders/compile";
import type { MallocBinding } from "./programs.ts";

const SOURCES = new URL("../../native/programs/", import.meta.url);
/** Memory that both builds begin with: the heap need not grow while it is timed. */
const MEMORY_BYTES = 2 ** 28;
const COMMON_FLAGS: readonly string[] = [
  "--target=wasm32-wasi",
  "-std=c11",
  "-O2",
  ...withoutBuiltins("malloc", "free", "realloc"),
  // Memory is copied and cleared by instructions; without a C library there are no functions for it.
  "-mbulk-memory",
  "-nostdlib",
  "-nostartfiles",
  "-Wl,--no-entry",
  "-Wl,--export=__heap_base",
  `-Wl,--initial-memory=${MEMORY_BYTES}`,
];
const BINDING_FLAGS: Readonly<Record<MallocBinding, readonly string[]>> = {
  imported: ["-DIMPORTED"],
  // wasi-libc, whose malloc is dlmalloc.
  linked: ["-lc"],
};

/**
 * Compiles a program, unless a run before has done so, and answers the path of the module.
 *
 * @throws an error that says why there is none.
 */
export function compileProgram(name: string, binding: MallocBinding, cacheFolder?: string): Promise<string> {
  const source = fileURLToPath(new URL(`${name}.c`, SOURCES));
  const header = fileURLToPath(new URL("allocator.h", SOURCES));
  const compilation = {
    name: `${name}-${binding}`,
    extension: ".wasm",
    compiler: "clang",
    // Libraries stand after what needs them.
    args: (output: string) => [...COMMON_FLAGS, source, ...BINDING_FLAGS[binding], "-o", output],
    sources: [source, header],
    failure: `${name} cannot be compiled to WebAssembly (clang, lld and wasi-libc do it)`,
  };
  return compileOnce(compilation, cacheFolder);
}
