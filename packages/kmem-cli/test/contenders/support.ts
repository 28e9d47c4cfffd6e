import { spawnSync } from "node:child_process";
import process from "node:process";

/** Why native allocators cannot be tested here, if that is so. */
export const NATIVE_MISSING: string | undefined = nativeMissing();

function nativeMissing(): string | undefined {
  if (process.platform !== "linux") return "native allocators are replayed on Linux only";
  return spawnSync("cc", ["--version"]).status === 0 ? undefined : "there is no cc";
}

/** The note of a test that is skipped, in its name, where every reporter shows it. */
export const NATIVE_NOTE: string = NATIVE_MISSING === undefined ? "" : ` (skipped: ${NATIVE_MISSING})`;
