import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Contender } from "./contender.ts";

/** A module of this package, whether it runs from TypeScript or as it was built; `path` has no extension. */
export function packageModule(path: string): URL {
  return new URL(`../${path}${extname(import.meta.url)}`, import.meta.url);
}

/** A contender written in JavaScript: a module that exports `createHeap` (see `replay-heap.ts`). */
export function heapContender(name: string, module: URL, version: string, canCheck = true): Contender {
  const script = fileURLToPath(packageModule("replay/heap-process"));
  return {
    name,
    isNative: false,
    canCheck,
    prepare: async () => ({
      name,
      isNative: false,
      canCheck,
      version,
      command: (job) => ({ file: process.execPath, args: [script, module.href, JSON.stringify(job)] }),
    }),
  };
}
