import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Contender } from "./contender.ts";
import type { Job } from "./jobs.ts";

/** A module of this package, whether it runs from TypeScript or as it was built; `path` has no extension. */
export function packageModule(path: string): URL {
  return new URL(`../${path}${extname(import.meta.url)}`, import.meta.url);
}

/** What a contender written in JavaScript is beside its name, its module and its version. */
export interface HeapContenderOptions {
  readonly aliases?: readonly string[];
  readonly isByNameOnly?: boolean;
  readonly note?: string;
  /** Default: it can. */
  readonly canCheck?: boolean;
}

/** So much young garbage that a chunk of timed operations never fills it: collecting it is no allocator's time. */
const ROOMY_YOUNG_SPACE = ["--min-semi-space-size=64", "--max-semi-space-size=64"];

function engineFlags({ mode }: Job): readonly string[] {
  return mode === "latency" ? ROOMY_YOUNG_SPACE : [];
}

/** A contender written in JavaScript: a module that exports `createHeap` (see `replay-heap.ts`). */
export function heapContender(
  name: string,
  module: URL,
  version: string,
  { note, canCheck = true, ...options }: HeapContenderOptions = {},
): Contender {
  const script = fileURLToPath(packageModule("replay/heap-process"));
  return {
    name,
    isNative: false,
    canCheck,
    ...options,
    prepare: async () => ({
      name,
      isNative: false,
      canCheck,
      version,
      ...(note === undefined ? {} : { note }),
      command: (job) => ({
        file: process.execPath,
        args: [...engineFlags(job), script, module.href, JSON.stringify(job)],
      }),
    }),
  };
}
