import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Contender } from "./contender.ts";

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
      command: (job) => ({ file: process.execPath, args: [script, module.href, JSON.stringify(job)] }),
    }),
  };
}
