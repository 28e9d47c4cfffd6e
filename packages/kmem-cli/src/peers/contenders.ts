import type { Contender } from "../replay/contender.ts";
import { heapContender, packageModule } from "../replay/heap-contender.ts";
import { compileDlmalloc, compileEmmalloc, compileTlsf, packageManifest, type WasmMalloc } from "./compile-wasm.ts";
import { WASM_FILE_VARIABLE } from "./wasm-file.ts";

/** A whole workload would keep these busy for hours: they look through all their blocks at each operation. */
const SLOW_LIMIT_MS = 20_000;

/** The allocators of others in JavaScript and WebAssembly, to compare with. */
export function peerContenders(): readonly Contender[] {
  return [
    wasm("wasm-dlmalloc", compileDlmalloc),
    wasm("emmalloc", compileEmmalloc),
    wasm("as-tlsf", compileTlsf),
    npmPackage("thi.ng", "@thi.ng/malloc"),
    npmPackage("codemix", "malloc"),
    heapContender("uint8array", packageModule("peers/uint8array"), `V8 ${process.versions.v8}`, {
      isByNameOnly: true,
      canCheck: false,
      limitMs: SLOW_LIMIT_MS,
      note: "new Uint8Array for each block; its footprint counts the bytes of live arrays only",
    }),
  ];
}

function wasm(name: string, compile: () => Promise<WasmMalloc>): Contender {
  return heapContender(name, packageModule("peers/wasm-heap"), "", {
    isByNameOnly: true,
    canCheck: false,
    limitMs: SLOW_LIMIT_MS,
    find: async () => {
      const { path, version } = await compile();
      return { version, env: { [WASM_FILE_VARIABLE]: path } };
    },
  });
}

function npmPackage(name: string, packageName: string): Contender {
  const module = packageModule(`peers/${name.replace(".", "-")}`);
  return heapContender(name, module, "", {
    isByNameOnly: true,
    canCheck: false,
    limitMs: SLOW_LIMIT_MS,
    find: async () => ({ version: `${packageName} ${packageManifest(packageName).version}`, env: {} }),
  });
}
