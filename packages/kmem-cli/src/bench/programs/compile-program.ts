import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defaultCacheFolder, makePrivateFolder } from "../../native/compile-replayer.ts";
import { runProcess } from "../../system/run-process.ts";
import type { MallocBinding } from "./programs.ts";

const SOURCES = new URL("../../../native/programs/", import.meta.url);
const COMPILER = "clang";
const HASH_DIGITS = 16;
/** Memory that both builds begin with: the heap need not grow while it is timed. */
const MEMORY_BYTES = 2 ** 28;
const COMMON_FLAGS: readonly string[] = [
  "--target=wasm32-wasi",
  "-std=c11",
  "-O2",
  "-fno-builtin-malloc",
  "-fno-builtin-free",
  "-fno-builtin-realloc",
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
export async function compileProgram(
  name: string,
  binding: MallocBinding,
  cacheFolder: string = defaultCacheFolder(),
): Promise<string> {
  const source = fileURLToPath(new URL(`${name}.c`, SOURCES));
  const flags = [...COMMON_FLAGS, ...BINDING_FLAGS[binding]];
  const hash = createHash("sha256").update(readFileSync(source)).update(flags.join(" "));
  hash.update(readFileSync(fileURLToPath(new URL("allocator.h", SOURCES))));
  const module = join(cacheFolder, `${name}-${binding}-${hash.digest("hex").slice(0, HASH_DIGITS)}.wasm`);
  makePrivateFolder(cacheFolder);
  if (existsSync(module)) return module;
  const unfinished = `${module}.${process.pid}`;
  // Libraries stand after what needs them.
  const args = [...COMMON_FLAGS, source, ...BINDING_FLAGS[binding], "-o", unfinished];
  await runProcess({ file: COMPILER, args }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${name} cannot be compiled to WebAssembly (clang, lld and wasi-libc do it): ${reason}`);
  });
  renameSync(unfinished, module);
  return module;
}
