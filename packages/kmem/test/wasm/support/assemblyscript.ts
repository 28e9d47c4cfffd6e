import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Compiles a program in AssemblyScript as for debugging: the names of its runtime are there. */
export function compileScript(program: string): Uint8Array<ArrayBuffer> {
  const folder = mkdtempSync(join(tmpdir(), "kmem-assemblyscript-"));
  try {
    writeFileSync(join(folder, "program.ts"), program);
    const library = dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json"));
    const flags = ["program.ts", "--debug", "-o", "program.wasm"];
    const compiler = [join(library, "bin/asc.js"), ...flags];
    const { status, stderr } = spawnSync(process.execPath, compiler, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return Uint8Array.from(readFileSync(join(folder, "program.wasm")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
