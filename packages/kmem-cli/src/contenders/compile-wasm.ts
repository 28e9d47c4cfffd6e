import { devNull } from "node:os";
import process from "node:process";
import { runProcess } from "../system/run-process.ts";
import { compileOnce } from "./compile.ts";

const COMPILER = "clang";
const TARGET_FLAGS = ["--target=wasm32-wasi", "-O3", "-mbulk-memory", "-DNDEBUG", "-w"];
const MALLOC_FUNCTIONS = ["malloc", "calloc", "realloc", "aligned_alloc", "free", "malloc_usable_size"];
/** All of malloc's family is exported, and the memory is the caller's, who says how far it may grow. */
const LINK_FLAGS = [
  "-nostdlib",
  "-lc",
  "-Wl,--no-entry,--import-memory,--strip-debug",
  // Unless somebody asks for the constructors, the linker has every exported function run them at each of its calls.
  "-Wl,--export=__wasm_call_ctors",
  ...MALLOC_FUNCTIONS.map((name) => `-Wl,--export=${name}`),
];
const EMSCRIPTEN_COMPILER = "emcc";
/** No program, only what is exported: the module grows the memory it is given by itself, with no help in JavaScript. */
const EMSCRIPTEN_FLAGS = [
  ...["-O3", "--no-entry", "-sMALLOC=emmalloc", "-sSTANDALONE_WASM=1", "-sIMPORTED_MEMORY=1"],
  ...["-sALLOW_MEMORY_GROWTH=1", "-sMAXIMUM_MEMORY=4294967296", "-sINITIAL_MEMORY=131072", "-sTOTAL_STACK=32768"],
  `-sEXPORTED_FUNCTIONS=${[...MALLOC_FUNCTIONS, "memalign"].map((name) => `_${name}`).join(",")}`,
];

/** A malloc in WebAssembly: the file of its module, and what exactly it is. */
export interface WasmMalloc {
  readonly path: string;
  readonly version: string;
}

/** wasi-libc's malloc, which is dlmalloc. Throws an error that says why there is none. */
export async function compileDlmalloc(): Promise<WasmMalloc> {
  const compiler = await compilerVersion(COMPILER);
  const path = await compileOnce({
    name: "dlmalloc",
    extension: ".wasm",
    compiler: COMPILER,
    args: (output) => [...TARGET_FLAGS, ...LINK_FLAGS, "-o", output],
    sources: [],
    dependsOn: [compiler],
    failure: "dlmalloc cannot be compiled to WebAssembly (clang, lld and wasi-libc do it)",
  });
  return { path, version: `wasi-libc, ${compiler}` };
}

/** Emscripten's small malloc, as its own compiler builds it. Throws an error that says why there is none. */
export async function compileEmmalloc(): Promise<WasmMalloc> {
  const [, number = ""] = /(\d+\.\d+\.\d+)/.exec(await compilerVersion(EMSCRIPTEN_COMPILER)) ?? [];
  const path = await compileOnce({
    name: "emmalloc",
    extension: ".wasm",
    compiler: EMSCRIPTEN_COMPILER,
    args: (output) => ["-x", "c", devNull, ...EMSCRIPTEN_FLAGS, "-o", output],
    sources: [],
    dependsOn: [number],
    failure: "emmalloc cannot be compiled to WebAssembly (emscripten does it)",
  });
  return { path, version: `Emscripten ${number}` };
}

async function compilerVersion(compiler: string): Promise<string> {
  if (process.platform !== "linux") throw new Error("mallocs of C are compiled to WebAssembly on Linux only");
  const [line] = (await runProcess({ file: compiler, args: ["--version"] })).split("\n");
  return line!.replace(" version ", " ");
}
