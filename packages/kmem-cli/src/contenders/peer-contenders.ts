import process from "node:process";
import type { Contender } from "../replay/contender.ts";
import { compileDlmalloc, compileEmmalloc, type WasmMalloc } from "./compile-wasm.ts";
import { type HeapContenderOptions, heapContender, packageModule } from "./heap-contender.ts";
import { WASM_FILE_VARIABLE } from "./wasm-file.ts";

/** What all of them have in common; a whole workload would keep some of them busy for hours, so they are cut off. */
export const PEER_OPTIONS: HeapContenderOptions = { isByNameOnly: true, canCheck: false, limitMs: 20_000 };

/** Allocators of others that need nothing but their WebAssembly module or the engine, to compare with. */
export function peerContenders(): readonly Contender[] {
  return [
    wasmContender("wasm-dlmalloc", compileDlmalloc),
    wasmContender("emmalloc", compileEmmalloc),
    heapContender("uint8array", packageModule("contenders/uint8array"), `V8 ${process.versions.v8}`, {
      ...PEER_OPTIONS,
      canLimit: false,
      note: "new Uint8Array for each block; its footprint counts the bytes of live arrays only",
    }),
  ];
}

/** A malloc in WebAssembly; `compile` throws an error that says why there is none. */
export function wasmContender(name: string, compile: () => Promise<WasmMalloc>): Contender {
  return heapContender(name, packageModule("contenders/wasm-heap"), "", {
    ...PEER_OPTIONS,
    find: async () => {
      const { path, version } = await compile();
      return { version, env: { [WASM_FILE_VARIABLE]: path } };
    },
  });
}
