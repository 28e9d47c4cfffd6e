import { type CheckReport, checkLayers } from "../kmalloc/check.ts";
import { type Finding, foldFindings } from "../memory/finding.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { accessTo, layersOf } from "./access.ts";
import type { BaseHeap } from "./base-heap.ts";
import { layersToView } from "./full-layers.ts";

/**
 * Verifies every invariant of every layer of a heap and lists what is broken; of a buffer that was transferred away, or
 * made shorter, that alone. Of a `DebugHeap` or a `SampledHeap` also the bytes around blocks. Other threads must be at
 * rest. O(heap). Reads only. Throws BAD_ARGUMENT for what is no heap, and DETACHED.
 */
export function checkHeap(heap: BaseHeap): CheckReport {
  const { memory, geometry } = layersOf(heap);
  if (memory.isLost) return bufferLost(memory.lost().message, geometry.baseFrame * PAGE_SIZE);
  const findings = findingsOf(heap);
  return { isClean: findings.length === 0, findings: foldFindings(findings) };
}

/** All that {@link checkHeap} finds, one by one. */
export function findingsOf(heap: BaseHeap): Finding[] {
  const { findings } = checkLayers(layersToView(heap));
  return [...findings, ...(accessTo(heap).extension?.findings() ?? [])];
}

/** What a check finds of a heap whose bytes are gone. */
function bufferLost(problem: string, address: number): CheckReport {
  return { isClean: false, findings: [{ layer: "header", address, problem }] };
}
