import process from "node:process";
import { fileURLToPath } from "node:url";
import { compileOnce, withoutBuiltins } from "kmem-cli/internal/contenders/compile";

const FLAGS = ["-std=c11", "-O2", "-pthread", ...withoutBuiltins("malloc", "free")];
const LIBRARIES = ["-ldl"];

const nativeFile = (name: string): string => fileURLToPath(new URL(`../../native/${name}`, import.meta.url));
const SOURCES: readonly string[] = [nativeFile("threads.c"), nativeFile("thread-workloads.c")];
const HEADERS: readonly string[] = [nativeFile("threads.h")];

/**
 * Compiles the C program that runs the workloads of threads, unless a run before has done so, and answers its path.
 *
 * @param cacheFolder where programs are kept, each under the hash of its source.
 * @throws an error that says why there is none.
 */
export async function compileThreads(cacheFolder?: string): Promise<string> {
  if (process.platform !== "linux") throw new Error("native allocators run on Linux only");
  const compilation = {
    name: `threads-${process.arch}`,
    compiler: "cc",
    args: (output: string) => [...FLAGS, ...SOURCES, "-o", output, ...LIBRARIES],
    sources: [...SOURCES, ...HEADERS],
    failure: "the C program of the threads cannot be compiled",
  };
  return compileOnce(compilation, cacheFolder);
}
