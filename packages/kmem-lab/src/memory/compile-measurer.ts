import { fileURLToPath } from "node:url";
import { compileReplayProgram } from "kmem-cli/internal/contenders/compile-replayer";

const nativeFile = (name: string): string => fileURLToPath(new URL(`../../native/${name}`, import.meta.url));

/**
 * Compiles the C program that measures memory, latency and drift, unless a run before has done so, and answers its
 * path.
 *
 * @param cacheFolder where programs are kept, each under the hash of its source.
 * @throws an error that says why there is none.
 */
export function compileMeasurer(cacheFolder?: string): Promise<string> {
  const program = {
    name: "measure",
    sources: ["measure.c", "latency.c", "drift.c", "release.c"].map(nativeFile),
    headers: [nativeFile("measure.h")],
    failure: "the C program that measures cannot be compiled",
  };
  return compileReplayProgram(program, cacheFolder);
}
