import { copyFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { compileOnce } from "kmem-cli/internal/contenders/compile";
import type { WasmMalloc } from "kmem-cli/internal/contenders/compile-wasm";
import { withTempFolder } from "kmem-cli/internal/system/cleanup";
import { packageManifest } from "./package-manifest.ts";

const SOURCE = fileURLToPath(new URL("../../native/tlsf.as", import.meta.url));
const FLAGS = ["-O3", "--noAssert", "--runtime", "minimal", "--importMemory"];

/** AssemblyScript's TLSF, without what manages objects. Throws an error that says why there is none. */
export async function compileTlsf(): Promise<WasmMalloc> {
  const { path: manifestPath, version } = packageManifest("assemblyscript");
  const compiler = join(dirname(manifestPath), "bin/asc.js");
  const path = await withTempFolder((folder) => {
    // The compiler takes no other extension, and names files relative to a folder.
    copyFileSync(SOURCE, join(folder, "tlsf.ts"));
    return compileOnce({
      name: "as-tlsf",
      extension: ".wasm",
      compiler: process.execPath,
      args: (output) => [compiler, "tlsf.ts", ...FLAGS, "--baseDir", folder, "-o", relative(folder, output)],
      sources: [SOURCE],
      dependsOn: [version],
      failure: "as-tlsf cannot be compiled to WebAssembly",
    });
  });
  return { path, version };
}
