import { foldFindings } from "../memory/finding.ts";
import type { RepairStep } from "../repair/log.ts";
import { type RepairReport, repairHeap as repairPlainHeap, withDone } from "../repair/repair.ts";
import { accessTo } from "./access.ts";
import type { BaseHeap } from "./base-heap.ts";
import { findingsOf } from "./check.ts";
import { layersToView } from "./full-layers.ts";

/**
 * Repairs whatever is damaged in a heap, while this thread and all others are at rest. Live blocks stay where they are;
 * what may be in use is kept; free lists, sheaves and counts are rebuilt. Throws where not even the header can be
 * restored; BAD_ARGUMENT for what is no heap, DETACHED, and MUST_NOT_BLOCK within a function that a call of the heap
 * has called. O(heap).
 */
export function repairHeap(heap: BaseHeap): RepairReport {
  const { extension, attachment } = accessTo(heap);
  attachment.layers.slabs.functions.userCalls.requireNone("repair a heap");
  const before = findingsOf(heap);
  const steps: RepairStep[] = [...(extension?.repairRoots() ?? [])];
  steps.push(...repairPlainHeap(layersToView(heap)).steps, ...(extension?.repairBlocks() ?? []));
  const remaining = foldFindings(findingsOf(heap));
  return { isRepaired: remaining.length === 0, findings: foldFindings(withDone(before, steps)), steps, remaining };
}
