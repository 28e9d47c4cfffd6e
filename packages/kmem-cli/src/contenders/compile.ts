import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { runProcess } from "../system/run-process.ts";

const PRIVATE_MODE = 0o700;
const OTHERS_MAY_WRITE = 0o022;
const HASH_DIGITS = 16;

/** Flags without which a compiler that knows malloc may leave out calls of which nobody uses the result. */
export function withoutBuiltins(...functions: readonly string[]): string[] {
  return functions.map((name) => `-fno-builtin-${name}`);
}

/** How a program or a WebAssembly module is made from sources. */
export interface Compilation {
  /** What its file in the cache is called; a hash of all that it depends on follows. */
  readonly name: string;
  /** How the name ends, with its dot. Default: nothing, as programs are named. */
  readonly extension?: string;
  readonly compiler: string;
  /** The compiler's arguments that say what to write where. */
  readonly args: (output: string) => readonly string[];
  /** Every file that the compiler is to read. */
  readonly sources: readonly string[];
  /** What else the result depends on: the version of a compiler that comes with a library, say. */
  readonly dependsOn?: readonly string[];
  /** How the error begins when it cannot be compiled; the reason follows. */
  readonly failure: string;
}

/**
 * Compiles, unless a run before has done so with the same sources and flags, and answers the path of the result.
 *
 * @param cacheFolder where results are kept. It must be one that only this user can write to.
 * @throws an error that says what cannot be compiled, and why.
 */
export async function compileOnce(
  { name, extension = "", compiler, args, sources, dependsOn = [], failure }: Compilation,
  cacheFolder: string = defaultCacheFolder(),
): Promise<string> {
  makePrivateFolder(cacheFolder);
  const hash = createHash("sha256").update(JSON.stringify([compiler, args(""), dependsOn]));
  for (const file of sources) hash.update(readFileSync(file));
  const path = join(cacheFolder, `${name}-${hash.digest("hex").slice(0, HASH_DIGITS)}${extension}`);
  if (existsSync(path)) return path;
  // Another process may compile it at the same time; both make the same, so that it does not matter who renames last.
  const unfinished = join(cacheFolder, `${process.pid}-${name}${extension}`);
  await runProcess({ file: compiler, args: args(unfinished) }).catch((error: unknown) => {
    throw new Error(`${failure}: ${error instanceof Error ? error.message : String(error)}`);
  });
  renameSync(unfinished, path);
  return path;
}

/** Where compiled programs are kept, for this user. */
function defaultCacheFolder(): string {
  return join(tmpdir(), `kmem-native-${process.getuid?.() ?? "user"}`);
}

/** Programs are run from there, so nobody else may be able to put one into it. */
function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: PRIVATE_MODE });
  const status = lstatSync(folder);
  const isOurs = status.isDirectory() && status.uid === process.getuid?.() && (status.mode & OTHERS_MAY_WRITE) === 0;
  if (!isOurs) throw new Error(`${folder} is not a folder that only this user can write to`);
}
