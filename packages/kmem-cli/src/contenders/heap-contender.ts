import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Contender } from "../replay/contender.ts";

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
  /** Whether its module goes by `memoryBytes` of a plan. Default: it does. */
  readonly canLimit?: boolean;
  /** For one that is too slow for whole workloads: how long one process may time or account. */
  readonly limitMs?: number;
  /** Finds or makes what it needs besides its module. Throws an error that says in a sentence why it cannot. */
  readonly find?: () => Promise<HeapSetting>;
}

/** What was found of a contender that is not a part of this package. */
export interface HeapSetting {
  readonly version: string;
  /** Variables of the environment of its processes. */
  readonly env: Readonly<Record<string, string>>;
}

/** A contender written in JavaScript: a module that exports `createHeap` (see `replay-heap.ts`). */
export function heapContender(
  name: string,
  module: URL,
  version: string,
  { note, canCheck = true, canLimit = true, limitMs, find, ...options }: HeapContenderOptions = {},
): Contender {
  const script = fileURLToPath(packageModule("replay/heap-process"));
  return {
    name,
    isNative: false,
    canCheck,
    ...options,
    prepare: async () => {
      try {
        const setting = (await find?.()) ?? { version, env: {} };
        return {
          name,
          isNative: false,
          canCheck,
          canLimit,
          version: setting.version,
          module: module.href,
          env: setting.env,
          ...(note === undefined ? {} : { note }),
          ...(limitMs === undefined ? {} : { limitMs }),
          command: (job) => {
            const limited = limitMs === undefined || job.mode === "check" ? job : { limitMs, ...job };
            return {
              file: process.execPath,
              args: [script, module.href, JSON.stringify(limited)],
              env: setting.env,
            };
          },
        };
      } catch (error) {
        return { name, reason: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}
