import type { GietConfig } from "../../src/kernels/giet/giet.ts";

/** What a thread is to do. */
export type Orders =
  | {
      readonly name: "queue";
      readonly lock: SharedArrayBuffer;
      readonly owner: number;
      readonly order: SharedArrayBuffer;
    }
  | { readonly name: "count"; readonly lock: SharedArrayBuffer; readonly owner: number; readonly rounds: number }
  | { readonly name: "malloc" | "localMalloc"; readonly config: GietConfig; readonly sizes: readonly number[] };

/** Byte of the memory of the lock at which "count" keeps its counter. */
export const COUNTER_BYTE = 128;
