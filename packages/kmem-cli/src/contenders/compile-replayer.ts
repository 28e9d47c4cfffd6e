import process from "node:process";
import { fileURLToPath } from "node:url";
import { compileOnce, withoutBuiltins } from "./compile.ts";

const nativeFile = (name: string): string => fileURLToPath(new URL(`../../native/${name}`, import.meta.url));

/** What the programs that replay have in common: operation files, the loop, and the accounting. */
const REPLAY_SOURCES: readonly string[] = [nativeFile("replay.c")];
/** The folder of the headers of {@link REPLAY_SOURCES}, and the headers. */
const NATIVE_FOLDER: string = nativeFile("");
const REPLAY_HEADERS: readonly string[] = [nativeFile("replay.h")];

const FLAGS = ["-std=c11", "-O2", ...withoutBuiltins("malloc", "free", "calloc", "realloc", "aligned_alloc")];
const LIBRARIES = ["-ldl"];

/** A C program that replays operations through the malloc of its process. */
export interface ReplayProgram {
  readonly name: string;
  /** Its own sources and headers, besides {@link REPLAY_SOURCES}. */
  readonly sources: readonly string[];
  readonly headers?: readonly string[];
  /** How the error begins when it cannot be compiled. */
  readonly failure: string;
}

/**
 * Compiles a C program that replays, unless a run before has done so, and answers its path.
 *
 * @param cacheFolder where programs are kept, each under the hash of its source.
 * @throws an error that says why there is none.
 */
export async function compileReplayProgram(
  { name, sources, headers = [], failure }: ReplayProgram,
  cacheFolder?: string,
): Promise<string> {
  if (process.platform !== "linux") throw new Error("native allocators are replayed on Linux only");
  const all = [...REPLAY_SOURCES, ...sources];
  const compilation = {
    name: `${name}-${process.arch}`,
    compiler: "cc",
    args: (output: string) => [...FLAGS, `-I${NATIVE_FOLDER}`, ...all, "-o", output, ...LIBRARIES],
    sources: [...all, ...REPLAY_HEADERS, ...headers],
    failure,
  };
  return compileOnce(compilation, cacheFolder);
}

/** Compiles the program of `kmem replay`. As {@link compileReplayProgram}. */
export function compileReplayer(cacheFolder?: string): Promise<string> {
  const program = {
    name: "replay",
    sources: [nativeFile("main.c")],
    failure: "the C program that replays cannot be compiled",
  };
  return compileReplayProgram(program, cacheFolder);
}
