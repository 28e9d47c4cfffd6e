import { join } from "node:path";
import { checkHeap, Heap } from "kmem";
import { compileTrace } from "../../src/forms/compile-trace.ts";
import type { CheckableHeap } from "../../src/replay/replay-heap.ts";
import { makeWorkloads, type Workload } from "../../src/replay/workload.ts";
import type { OpCache, OpTotals } from "../../src/trace/op-stream.ts";
import { OpWriter } from "../../src/trace/op-writer.ts";
import { BUNDLED_TRACES, type OpTuple } from "../trace/support.ts";

const MIB = 2 ** 20;

/** Writes an operation file; totals that do not matter to a test are made up. */
export function writeOps(
  path: string,
  ops: readonly OpTuple[],
  caches: readonly OpCache[] = [],
  totals: Partial<OpTotals> = {},
): void {
  const writer = new OpWriter(path);
  for (const op of ops) writer.op(...op);
  const slotCount = ops.reduce((count, [, , slot]) => Math.max(count, slot + 1), 0);
  writer.finish(
    { kind: "malloc", slotCount, peakLiveBytes: MIB, peakLiveBlockCount: slotCount, requestedBytes: MIB, ...totals },
    caches,
  );
}

/** The words of operations, as a chunk of an operation file has them. */
export function wordsOf(ops: readonly OpTuple[]): Uint32Array {
  return Uint32Array.from(
    ops.flatMap(([code, log2Align, slot, size, aux]) => [code | (log2Align << 8), slot, size, aux]),
  );
}

/** Compiles a bundled trace in a folder, and makes its workloads. */
export async function bundledWorkloads(file: string, folder: string): Promise<Workload[]> {
  const opsPath = join(folder, "trace.ops");
  const summary = await compileTrace(join(BUNDLED_TRACES, file), opsPath);
  return makeWorkloads(summary, opsPath, folder);
}

/** A heap of kmem's in which some functions are replaced. */
export function heapWith(replace: (heap: Heap) => Partial<CheckableHeap> = () => ({})): CheckableHeap {
  const heap = Heap.create({ sizeBytes: 8 * MIB });
  const whole: CheckableHeap = {
    alloc: (sizeBytes) => heap.alloc(sizeBytes),
    calloc: (count, sizeBytes) => heap.calloc(count, sizeBytes),
    realloc: (address, sizeBytes) => heap.realloc(address, sizeBytes),
    alignedAlloc: (alignmentBytes, sizeBytes) => heap.alignedAlloc(alignmentBytes, sizeBytes),
    free: (address) => heap.free(address),
    usableSize: (address) => heap.usableSize(address),
    get footprintBytes() {
      return heap.footprintBytes;
    },
    createCache: (options) => heap.createCache(options),
    pages: heap.pages,
    buffer: heap.buffer,
    check: () => checkHeap(heap),
    trim: () => heap.trim(),
  };
  return Object.defineProperties(whole, Object.getOwnPropertyDescriptors(replace(heap)));
}

/** Throws as a heap does that has no memory left. */
export function outOfMemory(): never {
  throw Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY" });
}
