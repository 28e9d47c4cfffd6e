import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { compileOnce } from "../../src/contenders/compile.ts";
import { runProcess } from "../../src/system/run-process.ts";

const PROGRAMS = new URL("programs/", import.meta.url);
const COMPILER = "clang";

/**
 * Flags that have the compiler optimise. Not -O2: told that, clang has the linked module optimised too where there is a
 * wasm-opt, which throws away the names of functions.
 */
export const OPTIMISED: readonly string[] = ["-Xclang", "-O2"];

/** Compiles a program of this folder to a WASI command with debug information, and answers the path of its module. */
export async function compileProgram(name: string, ...flags: readonly string[]): Promise<string> {
  const source = fileURLToPath(new URL(`${name}.c`, PROGRAMS));
  const version = await runProcess({ file: COMPILER, args: ["--version"] });
  return compileOnce({
    name: `test-${name}`,
    extension: ".wasm",
    compiler: COMPILER,
    args: (output) => ["--target=wasm32-wasi", "-g", "-fno-builtin", "-w", ...flags, source, "-o", output],
    sources: [source],
    dependsOn: [version],
    failure: "no C program can be compiled to WebAssembly (clang, lld, wasi-libc and libclang-rt-dev-wasm32 do it)",
  });
}

const [problem] = await Promise.allSettled([compileProgram("empty")]);
const reason = problem.status === "rejected" ? String(problem.reason) : "";

/** Tests of programs that are compiled here. Where nothing compiles them they are skipped; their names say why. */
export function describeCompiled(name: string, body: () => void): void {
  describe.skipIf(reason !== "")(reason === "" ? name : `${name}: ${reason}`, body);
}
