import type { HeapOptions } from "../../src/index.ts";
import type { OperationName } from "./model.ts";

/** The kinds of buffer that the long run goes over. */
export interface LongRun {
  readonly name: string;
  readonly makeOptions: (sizeBytes: number) => HeapOptions;
  readonly without: readonly OperationName[];
}

export const LONG_RUNS: readonly LongRun[] = [
  { name: "SharedArrayBuffer", makeOptions: (sizeBytes) => ({ sizeBytes }), without: [] },
  { name: "ArrayBuffer", makeOptions: (sizeBytes) => ({ sizeBytes, shared: false }), without: [] },
  {
    name: "shared WebAssembly.Memory",
    makeOptions: (sizeBytes) => ({ sizeBytes: sizeBytes / 8, maximumBytes: sizeBytes }),
    without: [],
  },
  {
    name: "unshared WebAssembly.Memory",
    makeOptions: (sizeBytes) => ({ sizeBytes: sizeBytes / 8, maximumBytes: sizeBytes, shared: false }),
    without: [],
  },
];
