import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { devNull } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defaultCacheFolder, makePrivateFolder } from "../native/compile-replayer.ts";
import { runProcess } from "../system/run-process.ts";

const SOURCES = fileURLToPath(new URL("../../native/wasm", import.meta.url));
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
const HASH_DIGITS = 16;

/** A malloc in WebAssembly: the file of its module, and what exactly it is. */
export interface WasmMalloc {
  readonly path: string;
  readonly version: string;
}

/** wasi-libc's malloc, which is dlmalloc. Throws an error that says why there is none. */
export async function compileDlmalloc(): Promise<WasmMalloc> {
  const compiler = await compilerVersion(COMPILER);
  const path = await compileOnce("dlmalloc", [compiler, ...TARGET_FLAGS, ...LINK_FLAGS], (output) => {
    return { file: COMPILER, args: [...TARGET_FLAGS, ...LINK_FLAGS, "-o", output] };
  });
  return { path, version: `wasi-libc, ${compiler}` };
}

/** Emscripten's small malloc, as its own compiler builds it. Throws an error that says why there is none. */
export async function compileEmmalloc(): Promise<WasmMalloc> {
  const [, number = ""] = /(\d+\.\d+\.\d+)/.exec(await compilerVersion(EMSCRIPTEN_COMPILER)) ?? [];
  const path = await compileOnce("emmalloc", [number, ...EMSCRIPTEN_FLAGS], (output) => {
    return { file: EMSCRIPTEN_COMPILER, args: ["-x", "c", devNull, ...EMSCRIPTEN_FLAGS, "-o", output] };
  });
  return { path, version: `Emscripten ${number}` };
}

/** AssemblyScript's TLSF, without what manages objects. Throws an error that says why there is none. */
export async function compileTlsf(): Promise<WasmMalloc> {
  const manifest = packageManifest("assemblyscript");
  const source = join(SOURCES, "tlsf.as");
  const compiler = join(dirname(manifest.path), "bin/asc.js");
  const path = await compileOnce("as-tlsf", [manifest.version, readFileSync(source, "utf8")], (output) => {
    // The compiler takes no other extension, and names files relative to a folder.
    const folder = dirname(output);
    const input = `${basename(output, ".wasm")}.ts`;
    writeFileSync(join(folder, input), readFileSync(source));
    const options = ["-O3", "--noAssert", "--runtime", "minimal", "--importMemory", "--baseDir", folder];
    return { file: process.execPath, args: [compiler, input, ...options, "-o", basename(output)] };
  });
  return { path, version: manifest.version };
}

/** The manifest of an installed package; packages to compare with are no dependencies of this one. */
export function packageManifest(name: string): { readonly path: string; readonly version: string } {
  try {
    const require = createRequire(import.meta.url);
    const path = require.resolve
      .paths(name)!
      .map((folder) => join(folder, name, "package.json"))
      .find(existsSync);
    const { version } = JSON.parse(readFileSync(path!, "utf8")) as { version: string };
    return { path: path!, version };
  } catch {
    throw new Error(`the npm package ${name} is not installed`);
  }
}

async function compilerVersion(compiler: string): Promise<string> {
  if (process.platform !== "linux") throw new Error("mallocs of C are compiled to WebAssembly on Linux only");
  const [line] = (await runProcess({ file: compiler, args: ["--version"] })).split("\n");
  return line!.replace(" version ", " ");
}

type CompilerCommand = (output: string) => { readonly file: string; readonly args: readonly string[] };

/** Compiles a module unless a run before has done so; its name in the cache has a hash of all that it is made of. */
async function compileOnce(name: string, ingredients: readonly string[], command: CompilerCommand): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(ingredients));
  const folder = defaultCacheFolder();
  makePrivateFolder(folder);
  const path = join(folder, `${name}-${hash.digest("hex").slice(0, HASH_DIGITS)}.wasm`);
  if (existsSync(path)) return path;
  // Another run may be compiling it as well; whoever is last to rename has made the same module.
  const unfinished = join(folder, `${process.pid}-${name}.wasm`);
  await runProcess(command(unfinished)).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${name} cannot be compiled to WebAssembly (clang, lld and wasi-libc do that, or emscripten): ${reason}`,
    );
  });
  renameSync(unfinished, path);
  rmSync(unfinished.replace(/\.wasm$/, ".ts"), { force: true });
  return path;
}
