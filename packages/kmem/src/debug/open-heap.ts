import type { HeapHandle } from "../heap/handle.ts";
import { Heap } from "../heap/heap.ts";
import { dumpMode, loadDump } from "../heap/load-dump.ts";
import { attachedMode } from "../heap/open.ts";
import { ATTACH_CHECKS, type AttachOptions } from "../heap/options.ts";
import { readOptions } from "../memory/arguments.ts";
import { requireByteOffset } from "../memory/geometry.ts";
import { HeapFlag } from "../memory/layout.ts";
import type { MemorySource } from "../memory/memory.ts";
import { DebugHeap } from "./debug-heap.ts";
import { SampledHeap } from "./sampled-heap.ts";

/**
 * Opens a heap as what it is, plain, debugged or sampled: the one of a handle or a memory, as `Heap.attach` does, or a
 * copy of a dumped one, as `loadDump` does. Throws as those do. A debugged or sampled heap reports as its class does by
 * default; the `attach` and `load` of that class take other ways.
 */
export function openHeap(source: HeapHandle | MemorySource | Uint8Array, options: AttachOptions = {}): Heap {
  const { start = 0 } = readOptions("options", options, ATTACH_CHECKS);
  requireByteOffset("start", start);
  if (ArrayBuffer.isView(source)) return openDump(source);
  const mode = attachedMode(source, start);
  if (mode === HeapFlag.DEBUGGED) return DebugHeap.attach(source, { start });
  return mode === HeapFlag.SAMPLED ? SampledHeap.attach(source, { start }) : Heap.attach(source, { start });
}

function openDump(dump: Uint8Array): Heap {
  const mode = dumpMode(dump);
  if (mode === HeapFlag.DEBUGGED) return DebugHeap.load(dump);
  return mode === HeapFlag.SAMPLED ? SampledHeap.load(dump) : loadDump(dump);
}
