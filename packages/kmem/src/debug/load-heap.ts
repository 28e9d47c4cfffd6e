import type { Heap } from "../heap/heap.ts";
import { dumpMode, loadDump } from "../heap/load.ts";
import { HeapFlag } from "../memory/layout.ts";
import { DebugHeap } from "./debug-heap.ts";
import { SampledHeap } from "./sampled-heap.ts";

/** Opens a copy of a dumped heap as what it was: plain, debugged or sampled. Throws as `loadDump` does. */
export function loadHeap(dump: Uint8Array): Heap {
  const mode = dumpMode(dump);
  if (mode === HeapFlag.DEBUGGED) return DebugHeap.load(dump);
  return mode === HeapFlag.SAMPLED ? SampledHeap.load(dump) : loadDump(dump);
}
