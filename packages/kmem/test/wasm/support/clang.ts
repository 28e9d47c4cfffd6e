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
    const output = join(folder, "program.wasm");
    // Where clang finds a wasm-opt it has that inline and strip, which is another case than the one that is meant.
    const env = { PATH: "/usr/bin:/bin" };
    const { status } = spawnSync("clang", [TARGET, ...flags, join(PROGRAMS, `${name}.c`), "-o", output], { env });
    return status === 0 ? new Uint8Array(readFileSync(output)) : undefined;
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
