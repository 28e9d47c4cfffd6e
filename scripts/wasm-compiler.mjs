// A stage of `npm test`: finds what compiles C programs to WebAssembly with WASI; on Debian, as root, installs it where
// it is not there. Without it the tests of such programs are skipped, each with the reason in its name.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exit } from "node:process";
import { fileURLToPath } from "node:url";
import { canInstall, install } from "./apt.mjs";

/** The compiler, its linker, the C library, and the builtins that the compiler links. */
const PACKAGES = ["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];
const PROGRAM = fileURLToPath(new URL("../packages/kmem-cli/test/run/programs/empty.c", import.meta.url));

function compiles() {
  const folder = mkdtempSync(join(tmpdir(), "kmem-wasm-"));
  const { status } = spawnSync("clang", ["--target=wasm32-wasi", PROGRAM, "-o", join(folder, "empty.wasm")]);
  rmSync(folder, { recursive: true, force: true });
  return status === 0;
}

if (!compiles() && canInstall()) {
  console.log(`  no compiler here yet: installing ${PACKAGES.join(", ")}`);
  install(...PACKAGES);
}
const isThere = compiles();
console.log(isThere ? "  clang" : `  no compiler: on Debian, apt-get install ${PACKAGES.join(" ")}`);
exit(isThere ? 0 : 1);
