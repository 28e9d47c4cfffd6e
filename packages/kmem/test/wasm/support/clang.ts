import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TARGET = "--target=wasm32-wasi";
const PROGRAMS = fileURLToPath(new URL("../programs/", import.meta.url));

/** Compiles a program of the folder `programs`; undefined where there is no clang, lld or wasi-libc. */
function compiled(name: string, flags: readonly string[]): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), "kmem-wasm-"));
  try {
    const [object, output] = [join(folder, "program.o"), join(folder, "program.wasm")];
    const clang = (...given: readonly string[]): boolean => spawnSync("clang", [TARGET, ...given]).status === 0;
    // In two steps: where clang links with -O and finds a wasm-opt, that inlines and strips, which is another case than
    // the one that is meant.
    const isLinking = (flag: string): boolean => flag.startsWith("-Wl,");
    const compileFlags = flags.filter((flag) => !isLinking(flag));
    const isCompiled = clang(...compileFlags, "-c", join(PROGRAMS, `${name}.c`), "-o", object);
    const isLinked = isCompiled && clang(...flags.filter(isLinking), object, "-o", output);
    return isLinked ? new Uint8Array(readFileSync(output)) : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A program of the folder that clang links too, with all it does then. */
export function linkedProgram(name: string, flags: readonly string[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "kmem-wasm-"));
  try {
    const output = join(folder, "program.wasm");
    const { status } = spawnSync("clang", [TARGET, ...flags, join(PROGRAMS, `${name}.c`), "-o", output]);
    if (status !== 0) throw new Error(`${name}.c does not compile with ${flags.join(" ")}`);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Why C programs cannot be compiled to WebAssembly here; undefined where they can. */
export function clangFault(): string | undefined {
  return compiled("lists", ["-O0"]) === undefined ? "clang, lld and wasi-libc are not installed" : undefined;
}

/** As `compiled`, where it is known to work. */
export function compileProgram(name: string, flags: readonly string[]): Uint8Array {
  const bytes = compiled(name, flags);
  if (bytes === undefined) throw new Error(`${name}.c does not compile with ${flags.join(" ")}`);
  return bytes;
}
