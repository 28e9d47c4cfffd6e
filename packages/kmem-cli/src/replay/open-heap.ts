import { OpReader } from "../trace/op-reader.ts";
import { constructedHeap } from "./constructed-heap.ts";
import type { CheckableHeap, HeapModule, HeapPlan, ReplayHeap } from "./replay-heap.ts";
import type { WorkloadKind } from "./workload.ts";

/** What an operation file says of the heap that it is going to need. */
export function readPlan(opsPath: string): HeapPlan {
  const reader = new OpReader(opsPath);
  reader.close();
  return reader.header;
}

/** The heap of a contender's module as a kind of workload uses it. */
export function openHeap(
  { createHeap, createAreas, runsConstructors }: HeapModule,
  job: { readonly kind: WorkloadKind; readonly opsPath: string; readonly memoryBytes?: number },
): ReplayHeap | CheckableHeap {
  const { kind, opsPath, memoryBytes } = job;
  const plan = { ...readPlan(opsPath), ...(memoryBytes === undefined ? {} : { memoryBytes }) };
  if (kind === "areas" && createAreas !== undefined) return createAreas(plan);
  const heap = createHeap(plan);
  return kind === "constructed" ? constructedHeap(heap, runsConstructors === true) : heap;
}
