import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProcess } from "../system/run-process.ts";

const nativeFile = (name: string): string => fileURLToPath(new URL(`../../native/${name}`, import.meta.url));

/** The C program that replays through the malloc of its process. */
export const REPLAYER_SOURCE: string = nativeFile("replay.c");
const SOURCES: readonly string[] = [REPLAYER_SOURCE, ...["latency.c", "drift.c", "release.c"].map(nativeFile)];
const HEADERS: readonly string[] = [nativeFile("replay.h")];

const COMPILER = "cc";
/** Without builtins: a compiler that knows malloc may leave out calls of which nobody uses the result. */
const FLAGS = [
  "-std=c11",
  "-O2",
  "-fno-builtin-malloc",
  "-fno-builtin-free",
  "-fno-builtin-calloc",
  "-fno-builtin-realloc",
  "-fno-builtin-aligned_alloc",
];
const LIBRARIES = ["-ldl"];
const PRIVATE_MODE = 0o700;
const HASH_DIGITS = 16;

/**
 * Compiles the replayer, unless a run before has done so, and answers the path of the program.
 *
 * @param cacheFolder where programs are kept, each under the hash of its source.
 * @throws an error that says why there is none.
 */
export async function compileReplayer(cacheFolder: string = defaultCacheFolder()): Promise<string> {
  if (process.platform !== "linux") throw new Error("native allocators are replayed on Linux only");
  const hash = createHash("sha256").update(FLAGS.join(" "));
  for (const file of [...SOURCES, ...HEADERS]) hash.update(readFileSync(file));
  const program = join(cacheFolder, `replay-${process.arch}-${hash.digest("hex").slice(0, HASH_DIGITS)}`);
  makePrivateFolder(cacheFolder);
  if (existsSync(program)) return program;
  // Another run may be compiling it as well; whoever is last to rename has made the same program.
  const unfinished = `${program}.${process.pid}`;
  await runProcess({ file: COMPILER, args: [...FLAGS, ...SOURCES, "-o", unfinished, ...LIBRARIES] }).catch(
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`the C program that replays cannot be compiled: ${reason}`);
    },
  );
  renameSync(unfinished, program);
  return program;
}

/** Where compiled programs are kept, for this user. */
export function defaultCacheFolder(): string {
  return join(tmpdir(), `kmem-native-${process.getuid?.() ?? "user"}`);
}

/** Programs are run from there, so nobody else may be able to put one into it. */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: PRIVATE_MODE });
  const status = lstatSync(folder);
  const isOurs = status.isDirectory() && status.uid === process.getuid?.() && (status.mode & 0o022) === 0;
  if (!isOurs) throw new Error(`${folder} is not a folder that only this user can write to`);
}
