import type { QuickJSSyncVariant } from "quickjs-emscripten-core";
import { KmemError } from "../../../src/index.ts";
import { type AdoptOptions, adopt, type LeftFunction } from "../../../src/wasm/index.ts";
import { compileProgram } from "../support/clang.ts";
import { TinyWasi } from "../support/wasi.ts";
import { loadLua, workOfLua } from "./lua.ts";
import { loadQuickJs, workOfQuickJs } from "./quickjs.ts";
import { loadResvg, workOfResvg } from "./resvg.ts";
import { loadSqlite, workOfSqlite } from "./sqlite.ts";
import { compileAssemblyScript, toolFile, toolModule } from "./tools.ts";

/** A program with work that allocates a lot. */
export interface Program {
  readonly name: string;
  /** Whether it is written in C and compiled here. */
  readonly needsClang?: true;
  /** Whether it ends so soon that what comes first counts: a heap is made, and the engine compiles. */
  readonly isShort?: true;
  /** What adopt has to be told of its module. */
  options?(): Promise<AdoptOptions>;
  /** Loads it, by `WebAssembly.instantiate`, and returns its work, which returns what came of it. */
  load(): Promise<(scale: number) => string | Promise<string>>;
}

const DEBUG_VARIANT = "@jitl/quickjs-wasmfile-debug-sync";
/** Where LeakSanitizer's realloc is in the debug build: nothing in the module says so. */
const DEBUG_REALLOC = 2136;

async function quickJs(variant: QuickJSSyncVariant): Promise<(scale: number) => string> {
  const module = await loadQuickJs(variant);
  return (scale) => workOfQuickJs(module, scale);
}

/**
 * The debug build has LeakSanitizer's allocator inside, whose variables are the whole sanitizer's: adopt lists its
 * functions, of which none is handed a block once malloc, free and realloc are replaced.
 */
async function debugOptions(): Promise<AdoptOptions> {
  const { readFileSync } = await import("node:fs");
  const bytes = new Uint8Array(readFileSync(toolFile(DEBUG_VARIANT, "dist/emscripten-module.wasm")));
  const functions = { realloc: DEBUG_REALLOC };
  try {
    adopt(bytes, { functions });
  } catch (error) {
    if (!(error instanceof KmemError) || error.code !== "CANNOT_ADOPT") throw error;
    const { left = [] } = error.details as { left?: readonly LeftFunction[] };
    return { functions, harmless: left.map(({ functionIndex }) => functionIndex) };
  }
  return { functions };
}

/** Is built with a sanitizer, whose allocator takes most of its time: the tables have means without it, too. */
export const DEBUG_BUILD = "quickjs debug-sync";

const sqlite = (name: string, file: string): Program => ({
  name,
  load: async () => {
    const loaded = await loadSqlite();
    return (scale) => workOfSqlite(loaded, file, scale);
  },
});

/** The programs, in the order of the table. */
export const PROGRAMS: readonly Program[] = [
  sqlite("sqlite-wasm", ":memory:"),
  sqlite("sqlite-wasm, MEMFS file", "/words.sqlite"),
  {
    name: "wasmoon",
    isShort: true,
    load: async () => {
      const engine = await loadLua();
      return (scale) => workOfLua(engine, scale);
    },
  },
  {
    name: "quickjs release-sync",
    load: async () => {
      const { default: variant } = await import("@jitl/quickjs-wasmfile-release-sync");
      return await quickJs(variant as unknown as QuickJSSyncVariant);
    },
  },
  {
    name: DEBUG_BUILD,
    options: debugOptions,
    load: async () => {
      const { default: variant } = await toolModule<{ default: QuickJSSyncVariant }>(DEBUG_VARIANT, "dist/index.mjs");
      return await quickJs(variant);
    },
  },
  {
    name: "resvg-wasm",
    load: async () => {
      const resvg = await loadResvg();
      return (scale) => workOfResvg(resvg, scale);
    },
  },
  {
    name: "AssemblyScript",
    isShort: true,
    load: async () => {
      const env = { abort: () => {} };
      const { instance } = await WebAssembly.instantiate(compileAssemblyScript(), { env });
      const work = instance.exports["work"] as (count: number) => number;
      return (scale) => String(work(30_000 * scale));
    },
  },
  {
    name: "C with wasi-libc",
    needsClang: true,
    isShort: true,
    load: async () => {
      const wasi = new TinyWasi();
      const bytes = Uint8Array.from(compileProgram("lists", ["-O2"]));
      const { instance } = await WebAssembly.instantiate(bytes, { wasi_snapshot_preview1: wasi.imports });
      wasi.memory = instance.exports["memory"] as WebAssembly.Memory;
      return (scale) => {
        for (let round = 0; round < 4 * scale; round++) (instance.exports["_start"] as () => void)();
        return wasi.output;
      };
    },
  },
];
