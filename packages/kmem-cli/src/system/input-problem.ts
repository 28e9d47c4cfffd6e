import { accessSync, constants, statSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";

/**
 * Why a file cannot be read, in words that follow its name; undefined where nothing speaks against it. It opens
 * nothing: who writes to a pipe would notice.
 */
export function inputProblem(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) return "it is a directory";
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return systemReason(error) ?? String(error);
  }
}

/** What the system says of an error of its own, in its own words; undefined for other errors. */
export function systemReason(error: unknown): string | undefined {
  const isOfSystem = error instanceof Error && "syscall" in error && "errno" in error;
  return isOfSystem && typeof error.errno === "number" ? getSystemErrorMessage(error.errno) : undefined;
}
